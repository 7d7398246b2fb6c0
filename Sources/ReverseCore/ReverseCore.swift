// ReverseCore
