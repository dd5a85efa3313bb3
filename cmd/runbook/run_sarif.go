package main

import (
	"fmt"
	"os"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// sarifFile is what --sarif names. It is opened before anything runs, so that a
// path that cannot be written is known then. What was in it stays until the run
// has something to say in its place.
type sarifFile struct{ *os.File }

// openSARIF opens it; nil when the user wants none.
func openSARIF(path string) (*sarifFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, usageBecause(fmt.Errorf("--sarif: %w", err))
	}
	return &sarifFile{f}, nil
}

// Write is called once, with all of it. What is no regular file, such as
// /dev/stdout, has nothing to cut off.
func (s *sarifFile) Write(p []byte) (int, error) {
	if info, err := s.Stat(); err == nil && info.Mode().IsRegular() {
		if err := s.Truncate(0); err != nil {
			return 0, err
		}
	}
	return s.File.Write(p)
}

// sink reads a run into it.
func (s *sarifFile) sink() event.Sink { return &closing{sink.NewSARIF(s), s.File} }

// closing closes a file behind a sink.
type closing struct {
	event.Sink
	file *os.File
}

func (c *closing) Close() error {
	err := c.Sink.Close()
	if closed := c.file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("--sarif: %w", err)
	}
	return nil
}
