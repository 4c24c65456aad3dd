package app

import (
	"context"
	"sync"
	"time"

	"hopguard/internal/config"
)

// kept is a secret that is read again when it is old: whoever keeps it is not asked
// for each use. It is safe for concurrent use.
type kept struct {
	read func(context.Context) (config.Secret, error)
	now  func() time.Time
	// age is how long a secret is used, and retry how long an error is.
	age, retry time.Duration

	mu     sync.Mutex
	secret config.Secret
	err    error
	until  time.Time
}

// get returns the secret. While it cannot be read again, the old one goes on: a vault
// that is down must not end what works.
func (k *kept) get(ctx context.Context) (config.Secret, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Before(k.until) {
		return k.secret, k.err
	}
	secret, err := k.read(ctx)
	switch {
	case err == nil:
		k.secret, k.err, k.until = secret, nil, k.now().Add(k.age)
	case ctx.Err() != nil: // the caller's time was over, which says nothing
		if k.secret == "" {
			return "", err
		}
	default:
		k.until = k.now().Add(k.retry)
		if k.secret == "" {
			k.err = err
		}
	}
	return k.secret, k.err
}
