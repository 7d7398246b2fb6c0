import CLinux

/// What the process does with memory that it no longer needs.
public enum Allocator {
    /// Lets free memory go back to the system early, at the price of a few system calls (mallopt(3)). To be called at the start of
    /// a program, before there are other threads.
    public static func returnMemoryEarly() { linux_keep_little_free_memory() }

    /// Gives the memory that is free now back to the system (malloc_trim(3)).
    static func returnFreeMemory() { linux_return_free_memory() }
}
