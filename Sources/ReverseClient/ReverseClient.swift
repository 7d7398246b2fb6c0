// ReverseClient
