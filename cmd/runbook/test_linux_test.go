package main

import (
	"os/exec"
	"testing"
	"time"
)

// BenchmarkTestOwnRecipes is `runbook test recipes`: the goal is 10 s on two
// cores, and it needs a fifth of that.
func BenchmarkTestOwnRecipes(b *testing.B) {
	binary := builtBinary(b)
	for b.Loop() {
		began := time.Now()
		out, err := exec.Command(binary, "test", "../../recipes").CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		if took := time.Since(began); took > 10*time.Second {
			b.Errorf("it took %s", took)
		}
	}
}
