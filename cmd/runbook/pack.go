package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"runbook/engine/pack"
)

func (d *door) packVerb() *cobra.Command {
	var mine bool
	cmd := &cobra.Command{
		Use:   "pack",
		Short: "Recipes of other repositories, pinned by their content",
		Long: `A pack is a repository of recipes with a pack.toml. What is pinned in packs.lock, beside
the recipes that use it, is read: by name (runbook run NAME), and with
load("@PACK//lib/x.star", …). What has another content than the one that was pinned is
refused. Once its files are on the machine, or vendored, no network is needed.`,
		Example: `  runbook pack add https://example.org/team/recipes.git@v1
  runbook pack update              what is there is newer: pin that
  runbook pack verify              are the files those that were pinned?
  runbook pack vendor              copy them into .runbook/vendor, to be committed`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usage(fmt.Sprintf("pack: no verb %q", args[0]), hintNearest(args[0], verbNames(cmd), "verbs"))
		},
	}
	cmd.PersistentFlags().BoolVar(&mine, "user", false, "the packs of your own recipes, not of this repository")
	open := func() (*shelf, error) { return d.shelf(mine) }
	verb := func(use, short string, args cobra.PositionalArgs, run func(ctx context.Context, s *shelf, args []string) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := withSignals(cmd.Context())
			defer stop()
			ctx, cancel := context.WithTimeout(ctx, fetchPatience)
			defer cancel()
			s, err := open()
			if err != nil {
				return err
			}
			return run(ctx, s, args)
		}}
	}
	var as string
	add := verb("add GIT-URL[@REF]", "Pin a pack, and bring its files here", oneSource, func(ctx context.Context, s *shelf, args []string) error {
		return d.packAdd(ctx, s, args[0], as)
	})
	add.Flags().Var(filled{&as, "a name"}, "as", "the `name` to load it by; its own if none is given")
	var asJSON bool
	list := verb("list", "List the packs", cobra.NoArgs, func(_ context.Context, s *shelf, _ []string) error {
		if asJSON {
			shown := slices.Concat([]pack.Pinned{}, s.lock.Packs)
			for i := range shown {
				shown[i].URL = shownURL(shown[i].URL)
			}
			return d.printJSON(shown)
		}
		d.sayNone(s)
		for _, p := range s.lock.Packs {
			fmt.Fprintf(d.stdout(), "@%s  %s  %s  %s\n", p.Name, printable(shownURL(p.URL)), printable(cmp.Or(p.Ref, "HEAD")), p.Commit[:12])
		}
		return nil
	})
	list.Flags().BoolVar(&asJSON, "json", false, "one JSON array")
	cmd.AddCommand(add, list,
		verb("update [NAME …]", "Pin what their refs mean now", nil, d.packUpdate),
		verb("fetch", "Bring the files that are pinned here", cobra.NoArgs, d.packFetch),
		verb("verify", "Are the files those that were pinned?", cobra.NoArgs, d.packVerify),
		verb("vendor", "Copy the files beside the recipes, for no network", cobra.NoArgs, d.packVendor),
		verb("remove NAME …", "Pin these no longer", cobra.MinimumNArgs(1), d.packRemove),
	)
	for _, c := range cmd.Commands() {
		c.Args = surplus(c.Args)
	}
	return cmd
}

func oneSource(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("pack add: which repository?", "runbook pack add https://example.org/team/recipes.git@v1")
	}
	return cobra.MaximumNArgs(1)(nil, args)
}

// shelf is the directory whose packs are meant: the nearest .runbook, or the
// one that would be made here.
func (d *door) shelf(mine bool) (*shelf, error) {
	if mine {
		dir, err := configDir()
		if err != nil {
			return nil, err
		}
		return openShelf(filepath.Join(dir, "recipes"))
	}
	cwd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	dir, why := nearestRunbookDir(cwd)
	switch {
	case why != "":
		return nil, usage(fmt.Sprintf("pack: %s is not used: %s", dir, why), "")
	case dir == "":
		dir = filepath.Join(cwd, ".runbook")
	}
	return openShelf(dir)
}

func (d *door) packAdd(ctx context.Context, s *shelf, source, as string) error {
	url, ref := pack.Source(source)
	if url == "" || url[0] == '-' {
		return usage(fmt.Sprintf("pack: %q is no URL", url), "runbook pack add https://example.org/team/recipes.git@v1")
	}
	if bare, had := pack.Bare(url); had {
		return usage("pack: what stands before the @ of the URL is for you alone (a password, a token), and packs.lock would publish it",
			"git asks for it, or its credential helper knows it: runbook pack add "+strings.Replace(source, url, bare, 1))
	}
	if info, err := os.Stat(url); err == nil && info.IsDir() {
		url = absolute(url) // it is found again from elsewhere
	}
	p := pack.Pinned{Name: as, URL: url, Ref: ref}
	files, err := bring(ctx, &p)
	if err != nil {
		return err
	}
	if old, ok := s.lock.Find(p.Name); ok && old.URL != p.URL {
		return usage(fmt.Sprintf("pack: %s is pinned already, from %s", p.Name, shownURL(old.URL)), fmt.Sprintf("runbook pack add %s --as ANOTHER", source))
	}
	if err := s.pin(ctx, p); err != nil {
		return err
	}
	fmt.Fprintf(d.stdout(), "@%s is pinned in %s: commit %s, content %s\n", p.Name, shortPath(filepath.Join(s.dir, pack.LockFile)), p.Commit[:12], p.Content)
	return d.printBrought(s, p, files)
}

// shownURL is a URL for people, who may not be those whose password is in it:
// packs.lock may be older than our refusal of that.
func shownURL(url string) string {
	bare, _ := pack.Bare(url)
	return bare
}

// bring fetches the pack's commit into the cache, and completes p: name,
// commit, content. It returns the files.
func bring(ctx context.Context, p *pack.Pinned) (fs.FS, error) {
	u, err := cloneUpstream(ctx, p.URL)
	if err != nil {
		return nil, err
	}
	defer u.close()
	if p.Commit == "" {
		if p.Commit, err = u.resolve(ctx, p.Ref); err != nil {
			return nil, err
		}
	}
	place, err := cached("")
	if err == nil {
		err = os.MkdirAll(place, 0o755)
	}
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(place, ".new-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // where it went to its place, nothing is left
	if err := u.extract(ctx, p.Commit, dir); err != nil {
		return nil, err
	}
	files := os.DirFS(dir)
	m, err := pack.ReadManifest(files)
	if err != nil {
		return nil, &hinted{err: fmt.Errorf("%s at %s is no pack: %w", u.url, p.Commit[:12], err), code: exitUsage}
	}
	content, err := pack.Digest(files)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", u.url, err)
	case p.Content != "" && content != p.Content:
		return nil, &hinted{err: &pack.TamperedError{Name: p.Name, Want: p.Content, Got: content}, code: exitWrong}
	}
	p.Content = content
	if p.Name = cmp.Or(p.Name, m.Name, pack.NameOf(p.URL)); p.Name == "" {
		return nil, usage(fmt.Sprintf("pack: %s has no name", u.url), "give it one: --as NAME")
	}
	at, err := cached(p.Content)
	if err != nil {
		return nil, err
	}
	// What lies there already may be damaged: that is why it was fetched.
	if p.Verify(os.DirFS(at)) != nil {
		if err := errors.Join(os.RemoveAll(at), os.Chmod(dir, 0o755), os.Rename(dir, at)); err != nil {
			return nil, err
		}
	}
	return os.DirFS(at), nil
}

// pin writes p into the lock, and its files where they were vendored before.
func (s *shelf) pin(ctx context.Context, p pack.Pinned) error {
	if err := s.lock.Put(p); err != nil {
		return usage("pack: "+err.Error(), "--as NAME")
	}
	if s.isVendored(p.Name) {
		if err := s.vendor(ctx, p); err != nil {
			return fmt.Errorf("pack %s: %w", p.Name, err)
		}
	}
	return s.write()
}

// packUpdate pins what the refs mean now. One that cannot be had leaves the
// others their update.
func (d *door) packUpdate(ctx context.Context, s *shelf, names []string) error {
	var failed error
	d.sayNone(s)
	for _, old := range slices.Clone(s.lock.Packs) {
		if len(names) > 0 && !slices.Contains(names, old.Name) {
			continue
		}
		if bare, had := pack.Bare(old.URL); had {
			err := usage(fmt.Sprintf("pack %s: its URL in packs.lock carries a password or a token, which whoever has that file can read", old.Name),
				fmt.Sprintf("have that made void, then: %s %s; %s %s --as %[2]s", s.verb("remove"), old.Name, s.verb("add"), strings.TrimSuffix(bare+"@"+old.Ref, "@")))
			d.code = max(d.code, d.complain(err))
			continue
		}
		next := pack.Pinned{Name: old.Name, URL: old.URL, Ref: old.Ref}
		files, err := bring(ctx, &next)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("pack %s: %w", old.Name, err))
			continue
		}
		if next.Content == old.Content {
			fmt.Fprintf(d.stdout(), "@%s is what it was: %s\n", old.Name, old.Commit[:12])
			if next.Commit == old.Commit {
				continue
			}
		} else {
			fmt.Fprintf(d.stdout(), "@%s: %s → %s\n", old.Name, old.Commit[:12], next.Commit[:12])
			if was, err := s.find(old); err == nil {
				d.printChanges(os.DirFS(was), files)
			}
		}
		if err := s.pin(ctx, next); err != nil {
			return err
		}
		if next.Content != old.Content {
			if err := d.printBrought(s, next, files); err != nil {
				return err
			}
		}
	}
	return errors.Join(failed, s.unknown(names))
}

// sayNone says that no pack is pinned, where there is none: silence would leave
// open whether anything was looked at.
func (d *door) sayNone(s *shelf) {
	if len(s.lock.Packs) == 0 {
		fmt.Fprintf(d.err, "runbook: no packs in %s\n", shortPath(filepath.Join(s.dir, pack.LockFile)))
	}
}

// unknown is the error of a name that is not pinned; nil when all are.
func (s *shelf) unknown(names []string) error {
	var known []string
	for _, p := range s.lock.Packs {
		known = append(known, p.Name)
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return usage(fmt.Sprintf("pack: %q is not pinned in %s", n, shortPath(filepath.Join(s.dir, pack.LockFile))), hintNearest(n, known, "packs"))
		}
	}
	return nil
}

// printChanges names the files that differ.
func (d *door) printChanges(before, after fs.FS) {
	for _, name := range allFiles(before, after) {
		a, missing := fs.ReadFile(before, name)
		b, gone := fs.ReadFile(after, name)
		switch {
		case missing != nil:
			fmt.Fprintf(d.stdout(), "  + %s\n", printable(name))
		case gone != nil:
			fmt.Fprintf(d.stdout(), "  - %s\n", printable(name))
		case string(a) != string(b):
			fmt.Fprintf(d.stdout(), "  ~ %s\n", printable(name))
		}
	}
}

func allFiles(trees ...fs.FS) []string {
	var names []string
	for _, tree := range trees {
		_ = fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				names = append(names, name)
			}
			return nil
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (d *door) packFetch(ctx context.Context, s *shelf, _ []string) error {
	var failed error
	d.sayNone(s)
	for _, p := range s.lock.Packs {
		if _, err := s.find(p); err == nil {
			fmt.Fprintf(d.stdout(), "@%s is here\n", p.Name)
			continue
		}
		_, err := bring(ctx, &p)
		if err == nil && s.isVendored(p.Name) { // there it is read, and not what was pinned
			err = s.vendor(ctx, p)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("pack %s: %w", p.Name, err))
			continue
		}
		fmt.Fprintf(d.stdout(), "@%s was fetched: %s\n", p.Name, p.Commit[:12])
	}
	return failed
}

func (d *door) packVerify(_ context.Context, s *shelf, _ []string) error {
	d.sayNone(s)
	for _, p := range s.lock.Packs {
		dir, err := s.find(p)
		if err != nil {
			d.code = max(d.code, d.complain(err))
			continue
		}
		fmt.Fprintf(d.stdout(), "@%s is what was pinned: %s (%s)\n", p.Name, p.Content, printable(shortHome(shortPath(dir))))
	}
	return nil
}

func (d *door) packVendor(ctx context.Context, s *shelf, _ []string) error {
	d.sayNone(s)
	for _, p := range s.lock.Packs {
		if err := s.vendor(ctx, p); err != nil {
			return fmt.Errorf("pack %s: %w", p.Name, err)
		}
		fmt.Fprintf(d.stdout(), "@%s lies in %s\n", p.Name, shortPath(s.vendored(p.Name)))
	}
	return nil
}

// vendor copies the files of p from the cache, in place of what lay there. Where
// the cache has not what was pinned, and there it does not lie either, it is
// fetched.
func (s *shelf) vendor(ctx context.Context, p pack.Pinned) error {
	at := s.vendored(p.Name)
	from, err := cached(p.Content)
	if err != nil {
		return err
	}
	if p.Verify(os.DirFS(from)) != nil {
		if p.Verify(os.DirFS(at)) == nil {
			return nil // the cache was emptied, and it lies here already
		}
		if _, err := bring(ctx, &p); err != nil {
			return err
		}
	}
	next := path.Join(filepath.Dir(at), ".new-"+p.Name)
	if err := errors.Join(os.RemoveAll(next), os.CopyFS(next, os.DirFS(from)), os.RemoveAll(at), os.Rename(next, at)); err != nil {
		return fmt.Errorf("copy it: %w", err)
	}
	return nil
}

func (d *door) packRemove(_ context.Context, s *shelf, names []string) error {
	if err := s.unknown(names); err != nil {
		return err
	}
	for _, n := range names {
		s.lock.Drop(n)
		if err := os.RemoveAll(s.vendored(n)); err != nil {
			return fmt.Errorf("remove pack %s: %w", n, err)
		}
		fmt.Fprintf(d.stdout(), "@%s is no longer pinned\n", n)
	}
	return s.write()
}
