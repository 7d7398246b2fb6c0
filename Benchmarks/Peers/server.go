// Go: a goroutine for each connection, buffered on both sides, flushed when nothing more is waiting.
//
//	server PORT
package main

import (
	"bufio"
	"log"
	"net"
	"os"
)

func reverse(line []byte) {
	for i, j := 0, len(line)-1; i < j; i, j = i+1, j-1 {
		line[i], line[j] = line[j], line[i]
	}
}

func serve(client net.Conn) {
	defer client.Close()
	reader := bufio.NewReaderSize(client, 4096)
	writer := bufio.NewWriterSize(client, 4096)
	for {
		line, err := reader.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			// Longer than the buffer: the rest in a piece of its own.
			head := append([]byte(nil), line...)
			rest, restErr := reader.ReadBytes('\n')
			line, err = append(head, rest...), restErr
		}
		if err != nil {
			return
		}
		reverse(line[:len(line)-1])
		if _, err = writer.Write(line); err != nil {
			return
		}
		if reader.Buffered() == 0 {
			if writer.Flush() != nil {
				return
			}
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go serve(client)
	}
}
