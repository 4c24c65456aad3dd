package azuresim

import (
	"net/http"
	"slices"
	"strings"
)

// lock serves management locks: list (with those above), GET, PUT, DELETE.
func (s *Sim) lock(rq *request) *reply {
	t := rq.target
	scope := lower(t.scope)
	i := slices.IndexFunc(s.locks, func(l Lock) bool { return lower(l.Scope) == scope && strings.EqualFold(l.Name, t.name) })
	switch {
	case t.coll && rq.http.Method == http.MethodGet:
		var items []item
		for _, l := range s.locks {
			if own := lower(l.Scope); covers(own, scope) || covers(scope, own) {
				items = append(items, item{lower(lockID(l)), encode(lockDocument(l))})
			}
		}
		slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.key, b.key) })
		return s.page(rq, items)
	case t.coll:
		return s.refuseMethod(rq)
	case rq.http.Method == http.MethodGet && i >= 0:
		return rq.ok(http.StatusOK, encode(lockDocument(s.locks[i])))
	case rq.http.Method == http.MethodGet:
		return rq.gateway(http.StatusNotFound, "LockNotFound", "The lock '"+t.name+"' could not be found.")
	case rq.http.Method == http.MethodPut:
		return s.putLock(rq, i)
	case rq.http.Method == http.MethodDelete && i >= 0:
		s.locks = slices.Delete(s.locks, i, i+1)
		return rq.ok(http.StatusOK, nil)
	case rq.http.Method == http.MethodDelete:
		return rq.nothingToDelete()
	default:
		return s.refuseMethod(rq)
	}
}

func (s *Sim) putLock(rq *request, i int) *reply {
	body, err := parseObject(rq.body)
	if err != nil {
		return rq.gateway(http.StatusBadRequest, "InvalidRequestFormat", "Cannot parse the request.")
	}
	p := body.obj("properties")
	l := Lock{Scope: rq.target.scope, Name: rq.target.name, Level: p.str("level"), Notes: p.str("notes")}
	if !slices.Contains(lockLevels(), l.Level) {
		return rq.gateway(http.StatusBadRequest, "InvalidLockLevel", "The lock level '"+l.Level+"' is invalid. The supported levels are 'CanNotDelete, ReadOnly'.") // code [U]
	}
	if i >= 0 {
		s.locks[i] = l
		return rq.ok(http.StatusOK, encode(lockDocument(l)))
	}
	s.locks = append(s.locks, l)
	return rq.ok(http.StatusCreated, encode(lockDocument(l)))
}

func lockLevels() []string { return []string{"CanNotDelete", "ReadOnly"} }

func lockID(l Lock) string { return l.Scope + "/providers/Microsoft.Authorization/locks/" + l.Name }

func lockDocument(l Lock) object {
	p := object{{"level", l.Level}}
	if l.Notes != "" {
		p = append(p, member{"notes", l.Notes})
	}
	return object{{"properties", p}, {"id", lockID(l)}, {"type", "Microsoft.Authorization/locks"}, {"name", l.Name}}
}

// checkLocks refuses a change under a lock: ReadOnly forbids every write and action, CanNotDelete forbids deletes. Deleting a scope
// also meets the locks inside it.
func (s *Sim) checkLocks(rq *request) *reply {
	scope := lower(rq.target.scope)
	deleting := rq.http.Method == http.MethodDelete
	var held []string
	for _, l := range s.locks {
		own := lower(l.Scope)
		if (covers(own, scope) || deleting && covers(scope, own)) && (deleting || l.Level == "ReadOnly") {
			held = append(held, l.Scope)
		}
	}
	if len(held) == 0 {
		return nil
	}
	word := "write"
	if deleting {
		word = "delete"
	}
	return rq.scopeLocked(word, strings.Join(held, ","))
}

func (rq *request) scopeLocked(word, scopes string) *reply {
	return rq.gateway(http.StatusConflict, "ScopeLocked", "The scope '"+rq.target.scope+"' cannot perform "+word+" operation because following scope(s) are locked: '"+scopes+"'. Please remove the lock and try again.")
}
