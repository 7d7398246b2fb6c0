// Go: a goroutine for each connection, buffered on both sides, flushed when nothing more is waiting.
//
//	server PORT [COST]
//
// COST as in epoll.c. GOMAXPROCS says how many threads run goroutines.
package main

import (
	"bufio"
	"log"
	"net"
	"os"
	"strconv"
)

var cost int
var classes [256]byte

func reverse(line []byte) {
	for i, j := 0, len(line)-1; i < j; i, j = i+1, j-1 {
		line[i], line[j] = line[j], line[i]
	}
}

// work returns its result so that the compiler keeps it.
func work(line []byte) byte {
	state := byte(0)
	for pass := 0; pass < cost; pass++ {
		for _, each := range line {
			state = classes[state^each]
		}
	}
	return state
}

func serve(client net.Conn) {
	defer client.Close()
	reader := bufio.NewReaderSize(client, 4096)
	writer := bufio.NewWriterSize(client, 4096)
	states := byte(0)
	defer func() { _ = states }()
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
		states ^= work(line[:len(line)-1])
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
	if len(os.Args) > 2 {
		cost, _ = strconv.Atoi(os.Args[2])
	}
	for i := range classes {
		classes[i] = byte(i*167 + 13)
	}
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
