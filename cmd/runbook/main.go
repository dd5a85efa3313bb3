// Command runbook finds out why something hangs, by recipes that a person can
// read, and says what to do about it.
package main

import "os"

func main() { os.Exit(main1()) }
