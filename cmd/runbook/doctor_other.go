//go:build !linux

package main

import (
	"context"
	"errors"
	"runtime"
)

func examine(context.Context) chart {
	var c chart
	c.test("live diagnosis", "", errors.New("this is "+runtime.GOOS), "recipes run on captures of other machines only", "runbook capture -o FILE on the Linux machine, then here: runbook run RECIPE --from FILE")
	return c
}
