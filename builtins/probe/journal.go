package probe

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Journal is a note on disk of something that must be undone, written before
// it is begun: `runbook recover` finishes from it what a killed process could
// not.
//
// It lies in the user's state directory, where all are found, and that of a
// work tree that is changed in place in its git directory as well, where it
// also keeps a second run out.
type Journal struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Kind    string    `json:"kind"` // JournalWorktree, JournalInPlace
	Repo    RawPath   `json:"repo"`
	GitDir  RawPath   `json:"git_dir"`
	Path    RawPath   `json:"path,omitempty"` // of a throw-away work tree
	Phase   string    `json:"phase"`
	Kept    string    `json:"kept,omitempty"` // object id of the list of what is kept
	Begun   time.Time `json:"begun"`
	Owner   Owner     `json:"owner"`

	places []string // files that hold it
}

// Kinds of Journal.
const (
	JournalWorktree = "worktree"
	JournalInPlace  = "in-place"
)

// Phases of a Journal, in order.
const (
	PhaseSaving   = "saving"   // nothing of the user's has changed yet
	PhaseChanged  = "changed"  // the work tree may hold anything; Kept says what belongs there
	PhaseRestored = "restored" // all is as it was; what we kept may go
)

var phases = map[string]int{PhaseSaving: 1, PhaseChanged: 2, PhaseRestored: 3}

// Owner is the process that wrote a journal, so that one of a living process is
// left alone.
type Owner struct {
	Host  string `json:"host"`
	Boot  string `json:"boot"` // boot_id: start times count from a boot
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// RawPath is a path of any bytes. JSON holds UTF-8 only, so others are written
// in base64.
type RawPath string

const rawMark = "base64:"

// MarshalText implements encoding.TextMarshaler.
func (p RawPath) MarshalText() ([]byte, error) {
	if utf8.ValidString(string(p)) && !strings.HasPrefix(string(p), rawMark) {
		return []byte(p), nil
	}
	return []byte(rawMark + base64.StdEncoding.EncodeToString([]byte(p))), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *RawPath) UnmarshalText(b []byte) error {
	text, raw := strings.CutPrefix(string(b), rawMark)
	if !raw {
		*p = RawPath(b)
		return nil
	}
	bytes, err := base64.StdEncoding.DecodeString(text)
	*p = RawPath(bytes)
	return err
}

// Journals is the directory of journals; "" when there is none, as without a
// home directory: then only those in git directories are written.
type Journals struct{ Dir string }

// ErrUnderway is the error of a work tree that another run has changed in
// place, or that a killed one left so.
var ErrUnderway = errors.New("its work tree is changed in place already")

// inPlaceJournal is the journal in a git directory.
const inPlaceJournal = "runbook/in-place.json"

// begin writes a journal in its first phase. Error: ErrUnderway.
func (js Journals) begin(ctx context.Context, g *Git, j Journal) (*Journal, error) {
	j.Version, j.Repo, j.GitDir, j.Phase, j.Begun = 1, RawPath(g.Root), RawPath(g.Dir), PhaseSaving, g.host.Now().UTC().Round(0)
	j.Owner = thisProcess(ctx, g.host)
	if js.Dir != "" {
		sum := sha256.Sum256([]byte(g.Dir))
		name := hex.EncodeToString(sum[:8])
		if j.Kind == JournalWorktree {
			name += "-" + j.ID
		}
		j.places = append(j.places, filepath.Join(js.Dir, name+".json"))
	}
	if j.Kind == JournalInPlace {
		j.places = append(j.places, filepath.Join(g.Dir, inPlaceJournal))
	}
	for i, place := range j.places {
		err := os.MkdirAll(filepath.Dir(place), 0o700)
		if err == nil {
			err = j.writeNew(place)
		}
		if err != nil {
			j.places = j.places[:i]
			_ = j.end()
			_ = os.Remove(filepath.Dir(place)) // when it is empty: the disk may be full
		}
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("git: %s: %w", Clean([]byte(g.Root)), ErrUnderway)
		}
		if err != nil {
			return nil, fmt.Errorf("git: write the journal: %w", err)
		}
	}
	return &j, nil
}

// advance goes to the next phase, on disk first.
func (j *Journal) advance(phase string) error {
	next := *j
	next.Phase = phase
	for _, place := range j.places {
		if err := next.writeOver(place); err != nil {
			return fmt.Errorf("git: write the journal: %w", err)
		}
	}
	j.Phase, j.Kept = next.Phase, next.Kept
	return nil
}

// end removes it.
func (j *Journal) end() error {
	for _, place := range j.places {
		if err := os.Remove(place); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("git: remove the journal: %w", err)
		}
		_ = os.Remove(filepath.Dir(place)) // when it is empty
	}
	return nil
}

// writeNew makes the file with all of its content at once, and fails with
// fs.ErrExist when it is there: O_EXCL alone would show a reader half of it.
func (j *Journal) writeNew(place string) error {
	temp, err := j.temp(place)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, place); err != nil {
		return err
	}
	return syncDir(filepath.Dir(place))
}

func (j *Journal) writeOver(place string) error {
	temp, err := j.temp(place)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, place); err != nil {
		os.Remove(temp)
		return err
	}
	return syncDir(filepath.Dir(place))
}

func (j *Journal) temp(place string) (string, error) {
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return "", err
	}
	temp := filepath.Join(filepath.Dir(place), fmt.Sprintf("%s%s-%d", tempJournal, j.ID, os.Getpid()))
	if err := writeSynced(temp, append(text, '\n')); err != nil {
		os.Remove(temp)
		return "", err
	}
	return temp, nil
}

// tempJournal begins the name of a journal that is being written; its end is the
// pid of who does.
const tempJournal = ".journal-"

// tidy removes from dir the half of a journal that one who was killed has
// left: what it was to announce was not begun, or its journal is there.
func tidy(ctx context.Context, h Host, dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempJournal) {
			continue
		}
		pid, _ := strconv.Atoi(e.Name()[strings.LastIndex(e.Name(), "-")+1:])
		info, err := e.Info()
		_, alive := readLife(ctx, h, pid)
		if Gone(alive) || err == nil && h.Now().Sub(info.ModTime()) > time.Minute {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	_ = os.Remove(dir) // when it is empty
}

func writeSynced(path string, text []byte) error {
	_ = os.Remove(path) // it may have a second name
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// readJournal reads one file of a journal.
func readJournal(place string) (*Journal, error) {
	text, err := os.ReadFile(place)
	if err != nil {
		return nil, err
	}
	j, err := ParseJournal(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Clean([]byte(place)), err)
	}
	j.places = []string{place}
	return j, nil
}

// ParseJournal reads the text of a journal.
func ParseJournal(text []byte) (*Journal, error) {
	var j Journal
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, fmt.Errorf("no journal: %w", err)
	}
	if j.Version != 1 {
		return nil, fmt.Errorf("no journal of version 1, which is all we know: %d", j.Version)
	}
	if phases[j.Phase] == 0 || j.Kind != JournalWorktree && j.Kind != JournalInPlace || !plainID(j.ID) || j.Repo == "" || j.GitDir == "" {
		return nil, errors.New("no journal: fields are missing")
	}
	return &j, nil
}

// plainID reports whether id can stand in names of files and refs.
func plainID(id string) bool {
	return id != "" && strings.Trim(id, "0123456789abcdef") == ""
}

// thisProcess is ours, as a journal names it.
func thisProcess(ctx context.Context, h Host) Owner {
	c := h.Clock()
	o := Owner{Host: c.Hostname, Boot: bootID(ctx, h), PID: c.PID}
	if l, err := readLife(ctx, h, c.PID); err == nil {
		o.Start = l.Start
	}
	return o
}

func bootID(ctx context.Context, h Host) string {
	b, err := h.ReadFile(ctx, "sys/kernel/random/boot_id", nil)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// lives reports whether the owner still runs. One on another machine, which
// shares the disk with us, counts as living: we cannot know.
func (o Owner) lives(ctx context.Context, h Host) bool {
	if o.Host != h.Clock().Hostname {
		return true
	}
	if o.Boot != "" && o.Boot != bootID(ctx, h) {
		return false
	}
	l, err := readLife(ctx, h, o.PID)
	if Gone(err) {
		return false
	}
	return err != nil || (o.Start == 0 || l.Start == o.Start) && !l.ended()
}
