/*
 * One tick, as two controllers make it: lead, load, probe, look, decide, commit, apply.
 * Each atomic step touches one thing that is shared: the lease, the record, the members,
 * the list, or one table. Between any two steps anything may happen; world.pml says what.
 */

#include "world.pml"

#define my ctl[me]

#define BROKEN 3 /* seen: its last write failed, so it is written whatever it shows */

/* The last look at the term, before a write. */
#if LEASE == NONE
#define TERM true
#elif LEASE == HONEST
#define TERM (my.believes && holder == me)
#else
#define TERM (my.believes && (holder == me || !over))
#endif

inline forget(t) { my.seen[t] = 0; stop(t) }

/* The tick is at its end; nothing is kept for the next one. */
inline end() {
  my.goal = NOBODY; my.up = 0; my.version = 0; my.behind = 0; my.ordered = 0;
  EACH(forget);
  my.at = IDLE
}

inline load() {
  my.goal = record;
  my.version = 1;
  my.behind = 0;
  my.ordered = (record != NOBODY);
  printf("%d: loads the record: %c\n", me, LETTER(record))
}

/* A list may lag: it shows what was, with an etag that was. */
inline list(t) {
  my.fresh[t] = 1;
  if
  :: my.etag[t] = 1;
    if
#ifndef IGNORE_FAILED
    :: state[t] == FAILED -> my.seen[t] = BROKEN
#endif
    :: else -> my.seen[t] = hop[t]
    fi
#ifdef LAG
  :: !over -> my.seen[t] = A
  :: !over -> my.seen[t] = B
#endif
  fi
}

/* Without a record Azure says who is active: where most tables lead. */
#define LEADS_TO_B(t) (my.seen[t] == B)

/* Stay, fail over, or hold. */
inline decide() {
  to = my.goal;
  if
  :: to == NOBODY && ALL(LEADS_TO_B) -> to = B
  :: to == NOBODY && !ALL(LEADS_TO_B) -> to = A
  :: else
  fi;
  if
  :: !(my.up & to) && (my.up & OTHER(to)) -> to = OTHER(to)
  :: else
  fi;
  changed = (to != my.goal);
  my.ordered = my.ordered && !changed;
  my.goal = to
}

/* The record is stored before a route is touched, and only over what was loaded. */
inline commit() {
  if
#ifdef NO_ASK
  :: d_step { !changed -> plan() }
#else
  :: !changed -> my.at = ASKING
#endif
#ifdef NO_COMMIT
  :: d_step { changed -> plan() }
#else
#ifdef BLIND_SWAP
  :: changed ->
#else
  :: changed && my.version ->
#endif
    d_step {
      RECORD_GOES_FORWARD(me);
      store(my.goal);
      my.version = 1;
      my.behind = 0;
      my.ordered = 1;
      printf("%d: stores the record: %c\n", me, LETTER(record))
    };
    if
    :: d_step { plan() }
#ifdef LOST_SWAP
    :: !over -> my.at = UNSURE
#endif
    fi
#ifndef BLIND_SWAP
  :: changed && !my.version ->
    d_step {
#ifdef IGNORE_LOST_RACE
      plan()
#else
      printf("%d: has lost the race for the record\n", me);
      load() /* and decides again, with what it has seen */
#endif
    }
#endif
#endif
  fi
}

/*
 * Is the loaded record still the newest? Asked after the table was read and before it is
 * written: a newer record's PUT is then either what the etag stands for, and the record
 * says so, or later, and the etag is refused.
 */
#ifdef STORE_DOWN
#define ORDERED (!my.behind || !over) /* no answer is no objection */
#else
#define ORDERED !my.behind
#endif

#ifdef NO_REPAIR
#define WORTH_IT && changed
#else
#define WORTH_IT
#endif

inline plan() {
  if
  :: (my.up & my.goal) WORTH_IT ->
    my.at = APPLYING; my.up = 0; my.version = 0;
    EACH(plan_table)
  :: else -> end() /* hold: nothing is written towards a member that is not up */
  fi
}

inline plan_table(t) {
  if
  :: my.seen[t] != my.goal -> my.w[t] = PLANNED
  :: else -> stop(t)
  fi;
  my.seen[t] = 0
}

/* --- the writing of one table --- */

inline stop(t) { my.w[t] = 0; my.etag[t] = 0; my.fresh[t] = 0; my.shown[t] = 0 }

inline done(t) {
  printf("%d: reports table %d as done\n", me, t);
  d_step { P9_READ_BACK(me, t); stop(t) }
}

inline check(t) {
  if
#ifdef NO_CHECK
  :: my.w[t] = CHECKED
#else
  :: TERM -> my.w[t] = CHECKED; printf("%d: may write table %d\n", me, t)
  :: d_step { !(TERM) -> stop(t) }
#endif
  :: d_step { !over -> stop(t) } /* the deadline, a 403, anything */
  fi
}

inline sent(t, next) { my.w[t] = next; my.etag[t] = 0; my.fresh[t] = 0; my.shown[t] = 0 }

inline no_answer(t) {
  printf("%d: gets no answer about table %d\n", me, t);
#ifdef DONE_WITHOUT_ANSWER
  done(t)
#else
  d_step { sent(t, RETRY) }
#endif
}

inline write(t) {
  printf("%d: sends a PUT of table %d to %c\n", me, t, LETTER(my.goal));
  P3_A_RECORD_ORDERS_IT(me);
  P3_JUST_READ(me, t);
  if
#ifdef NO_IF_MATCH
  :: state[t] != UPDATING ->
#else
  :: my.etag[t] && state[t] != UPDATING ->
#endif
    d_step { put(t, my.goal, my.etag[t], my.behind) };
    if
#ifdef DONE_WHEN_ACCEPTED
    :: done(t)
#else
    :: d_step { sent(t, ACCEPTED) }
#endif
    :: !over -> no_answer(t)
    fi
  :: else -> d_step { sent(t, RETRY); printf("%d: is refused\n", me) } /* 412, or 429 while it is Updating */
  :: !over -> no_answer(t)
#ifdef LATE
  :: !over && my.etag[t] && late[t] == NOBODY -> d_step { send_late(t, my.goal, my.behind) }; no_answer(t)
#endif
  fi
}

inline read_again(t) { my.etag[t] = 1; my.fresh[t] = 1; my.shown[t] = 0 }

/* Read again, ask, write. */
inline again(t) {
#ifdef NO_ASK
  read_again(t); my.w[t] = PLANNED
#elif defined(ASK_FIRST)
  my.w[t] = READ
#else
  read_again(t); my.w[t] = READ
#endif
}

inline ask(t) {
  if
#ifdef ASK_FIRST
  :: ORDERED -> my.w[t] = ASKED
#else
  :: ORDERED -> my.w[t] = PLANNED
#endif
  :: d_step { my.behind -> printf("%d: is overruled\n", me); stop(t) }
  fi
}

/* Only a read that shows the end is a step: one that shows Updating changes nothing. */
inline read_back(t) {
  if
#ifdef DONE_BY_LIST
  :: !over -> done(t) /* an old page shows what is wanted */
#endif
#ifdef DONE_WHEN_FAILED
  :: hop[t] == my.goal && state[t] == FAILED -> done(t)
#endif
  :: hop[t] == my.goal && state[t] == SUCCEEDED -> my.shown[t] = 1; done(t)
  :: else ->
    if
    :: d_step { sent(t, RETRY) }
    :: d_step { again(t) }
#ifdef FAILURES
    :: d_step { state[t] == FAILED -> stop(t) }
#endif
    fi
  fi
}

inline retry(t) {
  if
#ifdef KEEP_ETAG
  :: hop[t] != my.goal -> my.w[t] = PLANNED /* with the etag of the PUT's own answer */
#elif defined(NO_REREAD)
  :: my.etag[t] = 1; my.w[t] = PLANNED /* with a new etag, and the body of before */
#else
  :: hop[t] == my.goal && state[t] != FAILED -> my.w[t] = ACCEPTED
  :: hop[t] != my.goal || state[t] == FAILED -> d_step { again(t) }
#endif
  :: d_step { stop(t) } /* tried often enough; the next tick goes on */
  fi
}

/* The writers of a tick run side by side, or, with one slot, one after the other. */
#ifdef SERIAL
#define TURN(t) (t == 0 || my.w[0] == 0)
#else
#define TURN(t) true
#endif

#ifdef NO_ASK
#define ASKS(t)
#elif defined(ASK_FIRST)
#define ASKS(t) \
  :: atomic { my.w[t] == READ -> ask(t) } \
  :: d_step { my.w[t] == ASKED -> read_again(t); my.w[t] = PLANNED }
#else
#define ASKS(t) :: atomic { my.w[t] == READ -> ask(t) }
#endif

#define WRITER(t) \
  :: atomic { my.w[t] == PLANNED && TURN(t) -> check(t) } \
  :: atomic { my.w[t] == CHECKED -> write(t) } \
  :: atomic { my.w[t] == ACCEPTED && state[t] != UPDATING -> read_back(t) } \
  :: atomic { my.w[t] == RETRY -> retry(t) } \
  ASKS(t)

#define WRITTEN(t) (my.w[t] == 0)

/* --- the controller --- */

proctype Control(byte me) {
  byte to;
  bit changed;
  do
#if LEASE != NONE
  :: atomic { my.at == IDLE && !my.believes && (holder == FREE || holder == me) ->
      holder = me;
      if
      :: my.believes = 1; printf("%d: leads\n", me)
      :: !over /* granted, and the answer was lost: the same claim is made again */
      fi }
  :: d_step { my.at == IDLE && my.believes && holder != me -> my.believes = 0 }
#endif
  :: d_step { my.at == IDLE && TERM -> load(); my.at = LOADED }
  :: d_step { my.at == LOADED -> my.up = health; my.at = PROBED; printf("%d: probes\n", me) }
  :: atomic { my.at == PROBED -> EACH(list); my.at = LOOKED; printf("%d: lists the tables\n", me) }
  :: atomic { my.at == LOOKED -> d_step { decide() }; commit(); to = 0; changed = 0 }
#ifdef LOST_SWAP
  :: atomic { my.at == UNSURE -> /* reads the record back */
      if
      :: d_step { my.version -> changed = 1; plan(); changed = 0 }
      :: d_step { !my.version -> load(); my.at = LOOKED }
      fi }
#endif
#ifndef NO_ASK
  :: atomic { my.at == ASKING ->
      if
      :: d_step { ORDERED -> plan() }
      :: d_step { my.behind -> printf("%d: is overruled\n", me); end() }
      fi }
#endif
  WRITER(0)
#if TABLES > 1
  WRITER(1)
#endif
  :: d_step { my.at == APPLYING && ALL(WRITTEN) -> end() }
  :: d_step { !over && my.at != IDLE -> /* it dies, or its tick fails; a fresh one starts, at some time */
      printf("%d: dies\n", me);
      end();
#if LEASE != NONE
      my.believes = 0;
      if
      :: holder == me -> holder = DEAD /* the fresh one has another ID */
      :: else
      fi
#endif
    }
  od
}
