import CLinux

/// How the process returns free memory to the system.
public enum Allocator {
    /// Makes the allocator return free memory early, at the price of a few system calls (mallopt(3)). Call it at the start of the
    /// program, before there are other threads.
    public static func returnMemoryEarly() { linux_keep_little_free_memory() }

    /// Returns the memory that is free now (malloc_trim(3)).
    static func returnFreeMemory() { linux_return_free_memory() }
}
