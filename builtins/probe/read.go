package probe

import (
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// maxText is more than anybody writes by hand.
const maxText = 1 << 20

// ReadText returns a text file of at most 1 MiB; "-" is standard input. Of files
// only regular ones are read: a FIFO in its place would hang us. Errors name the
// path.
func ReadText(path string) (string, error) {
	if path == "-" {
		return readText(os.Stdin, "standard input")
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	defer f.Close()
	return readText(f, path)
}

func readText(from io.Reader, path string) (string, error) {
	b, err := io.ReadAll(io.LimitReader(from, maxText+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read: %w", err)
	case len(b) > maxText:
		return "", fmt.Errorf("read %s: larger than 1 MiB", path)
	case !utf8.Valid(b):
		return "", fmt.Errorf("read %s: not a text (UTF-8)", path)
	}
	return string(b), nil
}
