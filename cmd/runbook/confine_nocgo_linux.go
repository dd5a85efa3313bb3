//go:build !cgo

package main

// linksC: threads are Go's own.
const linksC = false
