//go:build !linux

package probe

import (
	"context"
	"fmt"
)

type procRoot struct{}

var errNeedsLinux = fmt.Errorf("needs Linux; use --from: %w", ErrUnsupported)

func (l *Live) open() error { return errNeedsLinux }

// ReadFile always fails: there is no /proc here.
func (l *Live) ReadFile(context.Context, string, []byte) ([]byte, error) { return nil, errNeedsLinux }

// Readlink always fails: there is no /proc here.
func (l *Live) Readlink(context.Context, string) (string, error) { return "", errNeedsLinux }

// ReadDir always fails: there is no /proc here.
func (l *Live) ReadDir(context.Context, string) ([]string, error) { return nil, errNeedsLinux }
