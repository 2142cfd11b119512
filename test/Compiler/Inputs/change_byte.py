"""usage: change_byte.py FROM TO OFFSET: copies a file with one byte, counted from the end where OFFSET is negative, replaced by another."""
import pathlib
import sys

data = bytearray(pathlib.Path(sys.argv[1]).read_bytes())
data[int(sys.argv[3])] ^= 1
pathlib.Path(sys.argv[2]).write_bytes(data)
