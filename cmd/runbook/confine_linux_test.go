package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const crowdEnv = "RUNBOOK_TEST_CROWD"

// A test binary with crowdEnv is confined like a cell, and starts threads.
func init() {
	if os.Getenv(crowdEnv) == "" {
		return
	}
	if err := limitMemory(memoryLimit); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	const threads = 40
	var up sync.WaitGroup
	for range threads {
		up.Add(1)
		go func() {
			runtime.LockOSThread()
			up.Done()
			select {}
		}()
	}
	up.Wait()
	fmt.Println("all are up")
	os.Exit(0)
}

// A look at 8,000 processes takes dozens of threads. Linked with libc each
// reserves megabytes of addresses, none of which the recipe uses: they must not
// be taken for its own.
func TestThreadsAreNotTheRecipesMemory(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crowdEnv+"=1")
	for name, value := range confinedOnly {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "all are up\n" {
		first, _, _ := strings.Cut(string(out), "\n")
		t.Errorf("libc linked: %t; %v: %s", linksC, err, first)
	}
}
