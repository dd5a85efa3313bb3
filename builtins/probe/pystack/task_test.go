package pystack

import (
	"strings"
	"testing"
)

func TestTasksAreInTheOrderOfTheirNumbers(t *testing.T) {
	var list []*task
	for _, name := range []string{"b", "Task-10", "", "Task-2", "Task-1", "a", "7", "Task-"} {
		list = append(list, &task{Task: Task{Name: name}})
	}
	byName(list)
	var names []string
	for _, one := range list {
		names = append(names, one.Name)
	}
	if got, want := strings.Join(names, " "), " 7 Task- Task-1 Task-2 Task-10 a b"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
