package main

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"runbook/engine/sink"
)

// looks are the flags that say how text comes out.
type looks struct {
	color   string
	width   int
	verbose int
}

func (l *looks) flags(f *pflag.FlagSet, conf *config) {
	f.StringVar(&l.color, "color", cmp.Or(conf.Color, "auto"), "`when` to use colours: auto, always or never")
	f.IntVar(&l.width, "width", conf.Width, "`columns` of the text (default: those of the terminal)")
}

func (l *looks) check() error {
	switch l.color {
	case "auto", "always", "never":
	default:
		return usage(fmt.Sprintf("--color %s: want auto, always or never", cmp.Or(l.color, `""`)), "")
	}
	if l.width != 0 && (l.width < 20 || l.width > 400) {
		return usage(fmt.Sprintf("--width %d: want 20 to 400", l.width), "")
	}
	return nil
}

// terminal are the options for text on w. All that the text depends on besides
// the events is decided here.
func (l *looks) terminal(w *os.File, live bool) sink.TerminalOptions {
	return sink.TerminalOptions{
		Width:   l.columns(w),
		Color:   l.colored(w),
		Verbose: l.verbose,
		Live:    live && isTerminal(w) && os.Getenv("TERM") != "dumb",
		Zone:    time.Local,
		Unicode: speaksUnicode(),
	}
}

// columns of w: as asked for, else those of the terminal, else what the shell
// exports, else 80.
func (l *looks) columns(w *os.File) int {
	if l.width > 0 {
		return l.width
	}
	if cols, _, err := term.GetSize(int(w.Fd())); err == nil && cols > 0 {
		return cols
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return 80
}

// colored follows no-color.org: NO_COLOR, when set and not empty, wins over
// everything but the flag.
func (l *looks) colored(w *os.File) bool {
	switch l.color {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

// speaksUnicode is false only where the locale says so: containers often set
// none at all, behind terminals that know UTF-8 well.
func speaksUnicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return os.Getenv("TERM") != "linux"
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// wrap breaks text at spaces into lines of at most width columns. The wrap of
// package ansi also breaks at hyphens, within flags that people copy.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case ansi.StringWidth(line)+1+ansi.StringWidth(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
		for ansi.StringWidth(line) > width {
			lines = append(lines, ansi.Truncate(line, width, ""))
			line = ansi.TruncateLeft(line, width, "")
		}
	}
	return append(lines, line)
}
