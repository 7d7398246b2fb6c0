// What Swift's Glibc overlay lacks on Linux: accept4 and epoll. Declarations only, nothing of ours.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
