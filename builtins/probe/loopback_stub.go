package probe

import "strings"

func loopback(local, remote string) bool {
	is := func(a string) bool {
		return strings.HasPrefix(a, "127.") || strings.HasPrefix(a, "[::1]") || strings.HasPrefix(a, "[::ffff:127.")
	}
	return is(local) && (remote == "" || is(remote))
}
