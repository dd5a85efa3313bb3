package pack

import (
	"path"
	"strings"
)

// Source splits what people type, GIT-URL[@REF]. An @ before the path belongs
// to the host: git@host:team/recipes.git has no ref.
func Source(text string) (url, ref string) {
	begin := 0
	if _, rest, ok := strings.Cut(text, "://"); ok {
		host := len(text) - len(rest)
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			begin = host + slash
		} else {
			begin = len(text)
		}
	} else if colon := strings.IndexByte(text, ':'); colon >= 0 && !strings.Contains(text[:colon], "/") {
		begin = colon
	}
	if at := strings.LastIndexByte(text, '@'); at > begin {
		return text[:at], text[at+1:]
	}
	return text, ""
}

// Bare is a URL without who signs in there: the name and the password before the
// @ of the host. Over ssh the name alone stays: it is git mostly, and no secret,
// while over HTTP it often is a token. had reports whether something was taken.
func Bare(url string) (bare string, had bool) {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(host, '@')
	if at < 0 {
		return url, false
	}
	who, keep := host[:at], ""
	if name, _, secret := strings.Cut(who, ":"); !strings.HasPrefix(strings.ToLower(scheme), "http") {
		if !secret {
			return url, false
		}
		keep = name + "@"
	}
	return scheme + "://" + keep + rest[at+1:], true
}

// NameOf is the name of a pack after its repository, where nobody gave one; ""
// when that is no name.
func NameOf(url string) string {
	base := strings.ToLower(strings.TrimSuffix(path.Base(strings.TrimRight(strings.ReplaceAll(url, ":", "/"), "/")), ".git"))
	base = strings.TrimPrefix(base, "runbook-")
	if !names().MatchString(base) {
		return ""
	}
	return base
}
