#define _GNU_SOURCE
#include "CLinux.h"
#include <fcntl.h>

static int argument_count;
static char **argument_vector;
static int closed_at_start;

// glibc calls constructors with main's arguments. This one runs before the Swift runtime opens anything.
__attribute__((constructor)) static void note_start(int count, char **arguments, char **environment) {
    (void)environment;
    argument_count = count;
    argument_vector = arguments;
    for (int descriptor = 0; descriptor <= 2; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0) continue;
        closed_at_start |= 1 << descriptor;
        // open returns the lowest free number, which is the closed one. Without /dev/null, use a descriptor that can be neither
        // read nor written, so that the number is in use.
        if (open("/dev/null", O_RDWR) < 0) (void)!open("/", O_PATH);
    }
}

int linux_argument_count(void) {
    return argument_count;
}

const char *linux_argument(int index) {
    return index >= 0 && index < argument_count ? argument_vector[index] : (const char *)0;
}

bool linux_was_closed_at_start(int descriptor) {
    return descriptor >= 0 && descriptor <= 2 && (closed_at_start & 1 << descriptor) != 0;
}
