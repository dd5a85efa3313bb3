package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what the next release will be called.
const version = "0.1.0"

// tool is how runs and captures name what made them.
func tool() string { return "runbook " + version }

func (d *door) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which runbook this is",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return d.sayVersion() },
	}
}

func (d *door) sayVersion() error {
	_, err := fmt.Fprintf(d.stdout(), "%s%s %s %s/%s\n", tool(), revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// revision is the commit that the binary was built from, as the Go tool noted
// it; "" when it did not (go run, or no repository).
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	at, dirty := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			at = " (" + s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+"
			}
		}
	}
	if at == "" {
		return ""
	}
	return at + dirty + ")"
}
