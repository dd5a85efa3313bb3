//go:build !linux

package main

import "context"

type liveTree struct{ pids map[string]int }

func beActor() {}

func plantTree(context.Context, planted, bool) (*liveTree, error) { return nil, needsLinux("demo") }

func (*liveTree) Close() {}
