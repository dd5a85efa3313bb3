package probe

import (
	"slices"
	"strings"

	"runbook/engine/lazyregexp"
)

// masked stands where a secret stood.
const masked = "***"

// MaskCmdline replaces what looks like a secret in the bytes of
// /proc/PID/cmdline with "***"; the NULs between arguments stay where they are.
// Masking twice changes nothing more.
//
// Masked are the values of flags (--password X, --token=X), assignments
// (API_KEY=X), headers (Authorization: X), the userinfo of URLs, and tokens
// known by their shape; also inside an argument, as in `sh -c '…'`. Never
// masked are the program's name, the module after -m, --uid and --parent_addr:
// who a process is must stay readable.
func MaskCmdline(raw []byte) []byte {
	args := strings.Split(string(raw), "\x00")
	maskArgs(args)
	return []byte(strings.Join(args, "\x00"))
}

// maskArgs masks argv in place.
func maskArgs(args []string) {
	for i := range args {
		switch {
		case i == 0:
			args[0] = maskTitle(args[0])
		case identifies(args[i-1], args[i]):
		case flagOfSecret(args[i-1]) && i > 1 && args[i] != "" && args[i][0] != '-':
			args[i] = masked
		case shellText(args[i-1]):
			args[i] = maskText(args[i])
		default:
			args[i] = maskArg(args[i])
		}
	}
}

// identifies reports whether arg, which stands after flag, says who the process
// is.
func identifies(flag, arg string) bool {
	switch flag {
	case "--uid", "--parent_addr":
		return true
	case "-m":
		return !strings.ContainsAny(arg, "=: ") // a module, not a commit message
	}
	return strings.HasPrefix(arg, "--uid=") || strings.HasPrefix(arg, "--parent_addr=")
}

// shellText reports whether the argument after flag is a program: -c, -lc, -ec.
func shellText(flag string) bool {
	return len(flag) < 5 && strings.HasPrefix(flag, "-") && strings.HasSuffix(flag, "c")
}

// maskTitle masks a first argument: not the program's name, but what follows
// its first space, where a program wrote a title over its argv.
func maskTitle(arg string) string {
	if strings.HasPrefix(arg, titlePrefix) {
		return arg
	}
	name, rest, ok := strings.Cut(arg, " ")
	if !ok {
		return arg
	}
	return name + " " + maskText(rest)
}

// maskArg masks one argument of several.
func maskArg(arg string) string {
	name, value, ok := strings.Cut(arg, "=")
	if ok && value != "" && !strings.ContainsAny(name, " \t\n?&;\"'") && namesSecret(name) {
		return name + "=" + masked // all of it: the value may hold spaces
	}
	return maskText(arg)
}

// flagOfSecret reports whether arg is a flag whose value is the next argument.
// One letter is never enough: -p is a port as often as a password.
func flagOfSecret(arg string) bool {
	return strings.HasPrefix(arg, "-") && !strings.Contains(arg, "=") && namesSecret(arg)
}

var (
	urlUser     = lazyregexp.New(`(://[^\s/:@?#'"]*):[^\s/@'"]+@`)
	bearer      = lazyregexp.New(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}`)
	tokenShapes = lazyregexp.New(`\b(gh[opsu]_|github_pat_|glpat-|xox[abprs]-)[A-Za-z0-9_-]{10,}`)
	// pairs finds NAME=VALUE, NAME: VALUE, "NAME": "VALUE" and --NAME VALUE in
	// a text, up to the first letter of VALUE: the rest of it may be a megabyte,
	// and hold the next pair. Whether NAME is secret is decided outside.
	pairs = lazyregexp.New(`([A-Za-z_-][A-Za-z0-9_.-]*)(["']?(?:=|:[ \t]+|:["'])["']?|[ \t]+)[^\s"'&;,]`)
)

// maskText masks inside a text such as a shell command or a URL. A value ends
// at its quote, else at a space, a quote, or one of & ; and comma.
func maskText(text string) string {
	if !strings.ContainsAny(text, "=:-_ ") {
		return text
	}
	if strings.Contains(text, "://") {
		text = urlUser().ReplaceAllString(text, "$1:"+masked+"@")
	}
	lower := strings.ToLower(text)
	if strings.Contains(lower, "bearer") || strings.Contains(lower, "basic") {
		text = bearer().ReplaceAllString(text, "$1 "+masked)
	}
	if hasAny(text, "gh", "glpat-", "xox", "github_pat_") {
		text = tokenShapes().ReplaceAllString(text, masked)
	}
	if !hasAny(lower, "pass", "pwd", "secret", "token", "key", "cred", "auth", "bearer", "cookie") {
		return text // every name of a secret has one of these in it
	}
	var out strings.Builder
	for {
		m := pairs().FindStringSubmatchIndex(text)
		if m == nil {
			out.WriteString(text)
			return out.String()
		}
		name, sep, secret := text[m[2]:m[3]], text[m[4]:m[5]], false
		end := m[5]
		if namesSecret(name) {
			end = len(text)
			if n := strings.IndexAny(text[m[5]:], " \t\n\f\r\"'&;,"); n >= 0 {
				end = m[5] + n
			}
			secret = !schemes[strings.ToLower(text[m[5]:end])]
			if strings.TrimLeft(sep, " \t") == "" {
				secret = flagOfSecret(name) && secret && text[m[5]] != '-' && len(name) > 2
			}
		}
		if !secret {
			// Only the name is done with: the value may be the name of the next pair.
			out.WriteString(text[:m[5]])
			text = text[m[5]:]
			continue
		}
		out.WriteString(text[:m[5]] + masked)
		if quote := sep[len(sep)-1]; quote == '"' || quote == '\'' { // then it may hold spaces
			if n := strings.IndexByte(text[m[5]:], quote); n >= 0 {
				end = m[5] + n
			}
		}
		text = text[end:]
	}
}

// hasAny is asked before a regular expression is: a command line may be a megabyte.
func hasAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// schemes stand before the secret, not for it: "Authorization: Bearer …".
var schemes = map[string]bool{"bearer": true, "basic": true, "digest": true, "token": true}

// namesSecret reports whether the value of a flag or variable of this name is
// secret: --db-password, dbPassword, API_KEY, auth.token; but not --token-file
// or --max-tokens.
func namesSecret(name string) bool {
	words := nameWords(name)
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	if secretWords[last] {
		return true
	}
	return last == "key" && len(words) > 1 && keyWords[words[len(words)-2]]
}

var secretWords = map[string]bool{
	"password": true, "passwd": true, "passphrase": true, "pass": true, "pwd": true, "passcode": true,
	"secret": true, "secrets": true, "token": true, "apikey": true, "credential": true, "credentials": true,
	"creds": true, "auth": true, "authorization": true, "bearer": true, "cookie": true, "pgpassword": true,
	"secretkey": true, "accesskey": true, "privatekey": true, "authtoken": true, "accesstoken": true,
}

var keyWords = map[string]bool{
	"api": true, "access": true, "secret": true, "private": true, "signing": true, "encryption": true,
	"account": true, "auth": true, "master": true, "shared": true, "client": true, "license": true,
}

// nameWords splits a name at -, _ and . and where camelCase turns.
func nameWords(name string) []string {
	var words []string
	start := 0
	flush := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(name[start:end]))
		}
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '-' || c == '_' || c == '.':
			flush(i)
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > start && name[i-1] >= 'a' && name[i-1] <= 'z':
			flush(i)
			start = i
		}
	}
	flush(len(name))
	return words
}
