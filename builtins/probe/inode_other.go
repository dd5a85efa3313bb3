//go:build !linux

package probe

import "io/fs"

func fileOf(fs.FileInfo) devInode { return devInode{} }

func ownerOf(fs.FileInfo) int { return -1 }

func mkdev(major, minor uint32) uint64 { return uint64(major)<<20 | uint64(minor) }
