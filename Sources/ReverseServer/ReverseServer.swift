// ReverseServer
