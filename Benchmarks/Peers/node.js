// Node: node.js PORT
'use strict'

const net = require('node:net')

const server = net.createServer({ noDelay: true }, (socket) => {
  let parts = []
  socket.on('data', (data) => {
    let end = data.lastIndexOf(10) + 1
    if (end === 0) {
      parts.push(data)
      return
    }
    const rest = data.subarray(end)
    let bytes = data.subarray(0, end)
    if (parts.length > 0) bytes = Buffer.concat([...parts, bytes])
    parts = rest.length > 0 ? [rest] : []
    // Buffer.reverse works in place.
    for (let line = 0; line < bytes.length; line = end + 1) {
      end = bytes.indexOf(10, line)
      bytes.subarray(line, end).reverse()
    }
    if (!socket.write(bytes)) {
      socket.pause()
      socket.once('drain', () => socket.resume())
    }
  })
  socket.on('error', () => socket.destroy())
})

server.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 })
