//go:build race

package main

// raceDetector chooses the scripts that are worth its time, and tells them that
// shadow memory takes the address space which a confined recipe is allowed.
const raceDetector = true
