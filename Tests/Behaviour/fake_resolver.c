// Replaces the resolver (LD_PRELOAD): with FAKE_ADDRESSES="127.0.0.2 127.0.0.1" a name has these IPv4
// addresses, without it the resolver never answers.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    const char *addresses = getenv("FAKE_ADDRESSES");
    if (!addresses) for (;;) pause();
    struct addrinfo **end = result;
    char *list = strdup(addresses);
    for (char *text = strtok(list, " "); text; text = strtok(NULL, " ")) {
        int code = real(text, service, hints, end);
        if (code != 0) return code;
        while (*end) end = &(*end)->ai_next;
    }
    free(list);
    return 0;
}
