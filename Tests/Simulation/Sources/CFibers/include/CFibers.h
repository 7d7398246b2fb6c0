// A fiber is a stack of its own; one thread switches between them (makecontext(3)).
#pragma once

/// A fiber, or the place to come back to.
typedef struct fiber fiber;

/// The context of the thread itself.
fiber *fiber_of_thread(void);

/// Makes a fiber that calls `body(argument)` at its first switch. `body` must never return.
fiber *fiber_make(void (*body)(void *), void *argument);

/// Goes on in `to`; returns when something switches back to `from`.
void fiber_switch(fiber *from, fiber *to);

/// Frees a fiber that is not running.
void fiber_free(fiber *fiber);
