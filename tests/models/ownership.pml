/* Who owns a region, and what its owners write: claims, fencing, outputs, stored state.
 *
 * Two processes read one partition of INPUTS records, each of which causes one output.
 * One of them at a time ought to own the region; either may stop for as long as it
 * likes (the scheduler does not run it), be killed at any point and start again, and
 * take the other for dead although it is not.
 *
 *   coordinator    generation of the transactional id: whoever initialises it last is
 *                  the only one whose transactions commit (cloud/log/kafka_region_writer.h)
 *   claims         length of topic "ownership": the epoch of a claim is its place there
 *   shard_epoch    what the partition says: an Ownership counts only if it is newer
 *   stored[p]      the offset in the state of process p, on its own disk
 *
 * Claimed: each output is visible at most once, none is missing in the end, epochs of
 * those who write rise, and nobody writes under an epoch that is not the newest claim.
 *
 * Each MUTATION is a mistake that the checker has to find; tests/models/check.sh.
 */
#ifndef INPUTS
#define INPUTS 3
#endif
byte coordinator = 0;           /* generation */
byte claims = 0;                /* records of topic ownership */
byte shard_epoch = 0;           /* newest Ownership in the partition */
byte committed = 0;             /* input offset of the last transaction */
byte visible[INPUTS];           /* how often the output of an input is visible */
byte writing_epoch = 0;         /* epoch of the last transaction */
byte kills = 0;
byte takeovers = 0;             /* of a process that was still at work */
bool working[2];                /* claimed, and neither killed nor fenced since */
byte done = 0;

#define KILLS_MAX 2
#define TAKEOVERS_MAX 3

proctype Owner(byte me) {
  byte stored = 0;              /* on disk: survives a kill */
  byte generation, epoch, from, next, end;
  bool fenced;
standby:
  atomic {
    generation = 0; epoch = 0; fenced = false; working[me] = false;
    if
    :: committed == INPUTS -> goto finished
    :: !working[1 - me] -> skip
    :: working[1 - me] && takeovers < TAKEOVERS_MAX -> takeovers++   /* heartbeats late, or a wish */
    fi;
    working[me] = true
  };
#ifdef MUTATION_READ_COMMITTED_BEFORE_CLAIM
  from = committed;
#endif
  /* init_transactions: fences whoever had the id. */
  atomic { coordinator++; generation = coordinator };
  /* The claim, in the first transaction. */
  atomic {
    if
    :: generation == coordinator -> claims++; epoch = claims
    :: else -> fenced = true
    fi
  };
  if
  :: fenced -> goto standby
  :: else -> skip
  fi;
#ifndef MUTATION_READ_COMMITTED_BEFORE_CLAIM
  from = committed;
#endif
  /* The Ownership record in the partition: one that is not newer changes nothing. */
  atomic {
    if
#ifdef MUTATION_OWNERSHIP_WITHOUT_EPOCH
    :: true ->
#else
    :: epoch > shard_epoch ->
#endif
       assert(epoch > shard_epoch);
       shard_epoch = epoch
#ifndef MUTATION_OWNERSHIP_WITHOUT_EPOCH
    :: else -> skip
#endif
    fi
  };
  next = stored;
  do
  :: next < INPUTS ->
     /* Applies one to three records, then commits what they caused. */
     end = next + 1;
     if
     :: end < INPUTS -> end++
     :: skip
     fi;
     atomic {
       if
#ifdef MUTATION_NO_FENCING
       :: true ->
#else
       :: generation == coordinator ->
#endif
          assert(epoch >= writing_epoch);
          writing_epoch = epoch;
          byte i = next;
          do
          :: i < end ->
             if
#ifdef MUTATION_SUPPRESS_NOTHING
             :: true -> visible[i]++
#else
             :: i >= from -> visible[i]++
             :: else -> skip
#endif
             fi;
             assert(visible[i] <= 1);
             i++
          :: else -> break
          od;
          i = 0;
          if
          :: end > committed -> committed = end
          :: else -> skip
          fi
#ifndef MUTATION_NO_FENCING
       :: else -> fenced = true
#endif
       fi
     };
     if
     :: fenced -> goto standby
     :: else -> skip
     fi;
     if
     :: kills < KILLS_MAX -> atomic { kills++; goto standby }   /* killed between the two writes */
     :: skip
     fi;
     next = end;
     /* The state, with its offset: second. */
     stored = end;
     if
     :: kills < KILLS_MAX -> atomic { kills++; goto standby }
     :: skip
     fi
#ifdef MUTATION_STATE_FIRST
  :: next < INPUTS && kills < KILLS_MAX ->
     /* The state is written ahead of the outputs that it stands for. */
     stored = next + 1;
     atomic { kills++; goto standby }
#endif
  :: next >= INPUTS -> break
  od;
finished:
  working[me] = false;
  done++
}

proctype Check() {
  byte i = 0;
  done == 2;
  do
  :: i < INPUTS -> assert(visible[i] == 1); i++
  :: else -> break
  od;
  assert(committed == INPUTS);
  assert(shard_epoch <= claims)
}

init {
  atomic { run Owner(0); run Owner(1); run Check() }
}
