// Teaches ThreadSanitizer what Swift's Mutex orders.
//
// The fast path of Mutex is inlined into the code under test and instrumented with it. Where two threads contend, it
// calls into libswiftSynchronization, which is not instrumented and lets the kernel hand the lock over (FUTEX_LOCK_PI).
// ThreadSanitizer does not see that and reports everything behind a contended Mutex as a race. So the tests define these
// three functions themselves: they call the library's own and say what the call has ordered. `self` is the address of
// the lock's word, on which the fast path works too.
//
// Empty without ThreadSanitizer.

#define _GNU_SOURCE
#include "CMutexOrder.h"

#if __has_feature(thread_sanitizer)
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT void (*lock_slow_function)(uint32_t thread, SELF);
typedef SWIFT bool (*try_lock_slow_function)(SELF);
typedef SWIFT void (*unlock_slow_function)(SELF);

static void *original(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) abort();
    return function;
}

SWIFT void lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
SWIFT void lock_slow(uint32_t thread, SELF) {
    ((lock_slow_function)original(LOCK_SLOW))(thread, self);
    __tsan_acquire(self);
}

SWIFT bool try_lock_slow(SELF) __asm__(TRY_LOCK_SLOW);
SWIFT bool try_lock_slow(SELF) {
    bool is_locked = ((try_lock_slow_function)original(TRY_LOCK_SLOW))(self);
    if (is_locked) __tsan_acquire(self);
    return is_locked;
}

SWIFT void unlock_slow(SELF) __asm__(UNLOCK_SLOW);
SWIFT void unlock_slow(SELF) {
    __tsan_release(self);
    ((unlock_slow_function)original(UNLOCK_SLOW))(self);
}
#endif
