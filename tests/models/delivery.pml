/* A command on its way: lease, at most once, one terminal status.
 *
 * One shard issues COMMANDS commands to one vehicle, sends them again when the vehicle
 * has reconnected and, under its new epoch, when the region has a new owner.  The
 * network delays and loses them.  The vehicle's inbox hands them to the
 * controller or not, and reports; reports are lost as well and sent again until the
 * shard has them.  The vehicle may reboot, and its clock runs.
 *
 * Claimed: a command is handed over at most once in all, never after its lease, never
 * in a boot that it was not for, and never under an epoch older than one that the inbox
 * has seen; each command gets exactly one terminal status in the audit trail, and that
 * is `unknown` only if the vehicle rebooted.
 *
 * Source of the rules: edge/inbox/inbox.h, cloud/shard/outbox.h.  Each MUTATION is a
 * mistake that the checker has to find (tests/models/check.sh).
 */
#define COMMANDS 2
#define LEASE 1
#define TIME_MAX 1
#define REBOOTS_MAX 1
#define OWNERS_MAX 2
#define RESENDS_MAX 1

mtype = { none, applied, expired, rejected, unknown };

/* id, epoch, boot, expiry */
chan down = [2] of { byte, byte, byte, byte };
/* id, boot, outcome */
chan up = [1] of { byte, byte, mtype };

byte now = 0;                   /* the vehicle's monotonic clock; goes on over a reboot here */
byte boot = 1;
byte handed_over[COMMANDS];
mtype audit[COMMANDS] = none;   /* terminal status in the trail */
byte terminals[COMMANDS];
bool rebooted = false;
bool all_closed = false;

/* The inbox's memory: of this boot. */
bool known[COMMANDS];
mtype outcome[COMMANDS] = none; /* kept until the cloud has it */
byte epoch_seen = 0;
bool waiting = false;            /* of a mutation alone */
byte w_id, w_expires, w_boot;

inline Close(id, what) {
#ifndef MUTATION_CLOSE_TWICE
  if
  :: audit[id] == none ->
#endif
     audit[id] = what; terminals[id]++;
     assert(terminals[id] == 1)
#ifndef MUTATION_CLOSE_TWICE
  :: else -> skip
  fi
#endif
}

inline Send(id) {
  if
  :: nfull(down) -> down!id, epoch, issued_boot[id], expiry[id]
  :: skip                       /* lost */
  fi
}

proctype Shard() {
  byte epoch = 1;
  byte issued = 0;
  byte issued_boot[COMMANDS];
  byte expiry[COMMANDS];
  byte boot_known = 1;
  byte resends = 0;
  bool zombie = false;
  byte id, of_boot;
  mtype what;
  byte i;
  do
  :: issued < COMMANDS ->
     atomic {
       issued_boot[issued] = boot_known;
       expiry[issued] = now + LEASE;
       Send(issued);
       issued++
     }
  :: issued > 0 && (resends < RESENDS_MAX || empty(down)) ->
     /* Reconnected: what is open goes out again. */
     atomic {
       if :: resends < RESENDS_MAX -> resends++ :: else -> skip fi;
       i = 0;
       do
       :: i < issued -> if :: audit[i] == none -> Send(i) :: else -> skip fi; i++
       :: else -> break
       od
     }
  :: epoch < OWNERS_MAX ->
     /* A new owner: the same ids under its epoch, where the lease lives. */
     atomic {
       epoch++;
       i = 0;
       do
       :: i < issued -> if :: audit[i] == none && now < expiry[i] -> Send(i) :: else -> skip fi; i++
       :: else -> break
       od
     }
  :: epoch > 1 && !zombie ->
     /* The former owner was only asleep, and says once more what it had decided. */
     atomic { zombie = true; if :: nfull(down) -> down!0, epoch - 1, issued_boot[0], expiry[0] :: else -> skip fi }
  :: atomic { up?id, of_boot, what -> Close(id, what) }
  :: boot_known != boot ->
     /* The new boot's session is read: commands for the old one end here. */
     atomic {
       boot_known = boot;
       i = 0;
       do
       :: i < issued ->
          if
          :: audit[i] == none && issued_boot[i] != boot_known -> Close(i, unknown)
          :: else -> skip
          fi;
          i++
       :: else -> break
       od
     }
  :: issued == COMMANDS && audit[0] != none && audit[1] != none -> break
  od;
  all_closed = true
}

inline HandOver(id, expires, for_boot) {
  assert(now < expires);
  assert(for_boot == boot);
  handed_over[id]++;
  assert(handed_over[id] == 1)
}

inline Settle(id, what) {
  known[id] = true; outcome[id] = what
}

proctype Vehicle() {
  byte id, epoch, for_boot, expires;
  byte reports = 0;
  byte i;
end:
  do
  :: atomic { down?id, epoch, for_boot, expires ->
       if
#ifndef MUTATION_ANY_BOOT
       :: for_boot != boot -> skip         /* its shard closes it as unknown */
#endif
#ifndef MUTATION_NO_MEMORY
       :: for_boot == boot && known[id] -> skip
#ifdef MUTATION_NO_FENCING
       :: for_boot == boot && !known[id] ->
#else
       :: for_boot == boot && !known[id] && epoch < epoch_seen -> Settle(id, rejected)
       :: for_boot == boot && !known[id] && epoch >= epoch_seen ->
#endif
#else
       :: for_boot == boot ->
#endif
          assert(epoch >= epoch_seen);
          epoch_seen = epoch;
          if
          :: now >= expires -> Settle(id, expired)
#ifdef MUTATION_CHECK_THEN_WAIT
          :: now < expires && !waiting -> waiting = true; w_id = id; w_expires = expires; w_boot = for_boot; known[id] = true
          :: now < expires && waiting -> Settle(id, rejected)
#else
          :: now < expires -> HandOver(id, expires, for_boot); Settle(id, applied)
#endif
          fi
#ifdef MUTATION_ANY_BOOT
       :: for_boot != boot && !known[id] -> HandOver(id, expires, for_boot); Settle(id, applied)
       :: for_boot != boot && known[id] -> skip
#endif
       fi
     }
#ifdef MUTATION_CHECK_THEN_WAIT
  :: atomic { waiting -> waiting = false; HandOver(w_id, w_expires, w_boot); Settle(w_id, applied) }
#endif
  :: atomic {                              /* reports until the cloud has it */
       outcome[0] != none && audit[0] == none && nfull(up) ->
       if :: up!0, boot, outcome[0] :: skip fi }
  :: atomic {
       outcome[1] != none && audit[1] == none && nfull(up) ->
       if :: up!1, boot, outcome[1] :: skip fi }
  od
}

/* Time goes on until everything is closed: leases end without a message, too. */
proctype World() {
  do
  :: now < TIME_MAX + LEASE -> now++
  :: !rebooted -> atomic {
       rebooted = true; boot++;
       known[0] = false; known[1] = false; outcome[0] = none; outcome[1] = none;
       epoch_seen = 0; waiting = false }
  :: now >= TIME_MAX + LEASE -> break
  od
}

proctype Check() {
  byte i = 0;
  all_closed;
  do
  :: i < COMMANDS ->
     assert(terminals[i] == 1);
     assert(audit[i] != unknown || rebooted);
     assert(audit[i] != applied || handed_over[i] == 1);
     i++
  :: else -> break
  od
}

init { atomic { run Shard(); run Vehicle(); run World(); run Check() } }
