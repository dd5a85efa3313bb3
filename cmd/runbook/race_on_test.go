//go:build race

package main

// raceDetector tells the scripts that shadow memory takes the address space
// which a confined recipe is allowed.
const raceDetector = true
