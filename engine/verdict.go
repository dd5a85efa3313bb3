package engine

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"runbook/engine/event"
)

// verdictWord is fault, warn, rule_out, unknown or note, all of one signature:
//
//	fault(rule, title, about = None, victims = [], members = [], evidence = [], means = "", do = "", because = "")
//
// They say something and return None. The position of the finding is the line
// that said it, also when that line stands in a lib file.
func verdictWord(verdict event.Verdict) *starlark.Builtin {
	word := string(verdict)
	return starlark.NewBuiltin(word, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		step := running(thread)
		if step == nil {
			return nil, fmt.Errorf("%s: only inside a step", word)
		}
		var rule, title, means, do, because string
		var about, victims, members, evidence starlark.Value = starlark.None, starlark.None, starlark.None, starlark.None
		err := starlark.UnpackArgs(word, args, kwargs, "rule", &rule, "title", &title, "about?", &about, "victims?", &victims,
			"members?", &members, "evidence?", &evidence, "means?", &means, "do?", &do, "because?", &because)
		if err != nil {
			return nil, err
		}
		if !isSlug(rule) {
			return nil, fmt.Errorf("%s: rule %q: want a slug (a-z, 0-9 and -), such as %q", word, oneLine(rule), slug(rule))
		}
		if strings.TrimSpace(title) == "" {
			return nil, fmt.Errorf("%s: title is empty", word)
		}
		f := event.Finding{
			Verdict: verdict, Rule: step.run.recipe.Name + "/" + rule, Title: cleanText(title),
			Means: cleanText(means), Do: cleanText(do), Because: cleanText(because), Pos: said(thread),
		}
		if f.About, err = subjectOf(about); err != nil {
			return nil, fmt.Errorf("%s: about: %w", word, err)
		}
		if f.Victims, err = subjectsOf("victims", victims); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		if f.Members, err = subjectsOf("members", members); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		if f.Evidence, err = evidenceOf(evidence); err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
		f.Reasons = step.run.recipe.explain.reasons(thread, f.About, verdict != event.Note && verdict != event.RuleOut)
		step.found(f)
		return starlark.None, nil
	})
}

func isSlug(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s != "" && !strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-")
}

// slug makes a rule's name of any text.
func slug(s string) string {
	fields := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if len(fields) == 0 {
		return "a-rule"
	}
	return strings.Join(fields, "-")
}

// stopped is the error by which stop() leaves the script.
type stopped struct {
	reason         string
	unknown, usage bool
}

func (s *stopped) Error() string { return "stopped: " + s.reason }

// Misused is the error by which a builtin ends the run as stop(usage = True)
// does: a parameter of the recipe cannot be meant.
func Misused(reason string) error { return &stopped{reason: oneLine(reason), usage: true} }

// sayStop is stop(reason, unknown = False, usage = False): the recipe ends in
// peace; or as incomplete when what it was asked for could not be looked at; or
// as asked in a way that cannot be meant, such as for nothing at all.
func sayStop(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	step := running(thread)
	if step == nil {
		return nil, errors.New("stop: only inside a step")
	}
	s := &stopped{}
	if err := starlark.UnpackArgs("stop", args, kwargs, "reason", &s.reason, "unknown?", &s.unknown, "usage?", &s.usage); err != nil {
		return nil, err
	}
	s.reason = oneLine(s.reason)
	if s.reason == "" {
		return nil, errors.New("stop: reason is empty")
	}
	return nil, s
}
