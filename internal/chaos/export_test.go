package main

import "net/http"

// The gate, for its tests.
type (
	Gate  = gate
	Trap  = trap
	Carry = carry
)

const (
	CarryNever = carryNever
	CarryFirst = carryFirst
	CarryLate  = carryLate
)

// NewTrap makes a trap.
func NewTrap(at int, writes bool, c Carry, spring func(), release <-chan struct{}) Trap {
	return trap{at: at, writes: writes, carry: c, spring: spring, release: release}
}

// Set, Count, CarriedWrites, Disarm and Guard call the gate's own.
func (g *Gate) Set(t Trap)         { g.set(t) }
func (g *Gate) Count() int         { return g.count() }
func (g *Gate) CarriedWrites() int { return g.carriedWrites() }
func (g *Gate) Disarm() bool       { return g.disarm() }
func (g *Gate) Guard(next http.Handler, carried func(*http.Request, int)) http.Handler {
	return g.guard(next, carried)
}
