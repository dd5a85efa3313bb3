//go:build cgo

package main

// linksC: threads are libc's.
const linksC = true
