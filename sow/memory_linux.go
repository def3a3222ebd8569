package sow

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
)

// machineLimit is how many bytes this process may take in all: what it has and what the machine and its control groups have left. 0 if that
// cannot be told.
func machineLimit() int64 {
	return memoryLeft(os.ReadFile)
}

// memoryLeft is machineLimit by the files that read returns.
func memoryLeft(read func(name string) ([]byte, error)) int64 {
	left := meminfo(read, "MemAvailable")
	if left == 0 {
		return 0
	}
	groups, _ := read("/proc/self/cgroup")
	for line := range bytes.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(string(line)), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch {
		case fields[1] == "": // version 2: the group's limit and those of the groups around it
			for dir := path.Join("/sys/fs/cgroup", fields[2]); strings.HasPrefix(dir, "/sys/fs/cgroup"); dir = path.Dir(dir) {
				left = min(left, groupLeft(read, dir+"/memory.max", dir+"/memory.current", dir+"/memory.stat", "inactive_file"))
			}
		case fields[1] == "memory":
			for _, dir := range []string{path.Join("/sys/fs/cgroup/memory", fields[2]), "/sys/fs/cgroup/memory"} {
				left = min(left, groupLeft(read, dir+"/memory.limit_in_bytes", dir+"/memory.usage_in_bytes", dir+"/memory.stat", "total_inactive_file"))
			}
		}
	}
	return max(left, 0) + resident(read)
}

// groupLeft is what a control group may still take; pages of files that nobody uses count as free.
func groupLeft(read func(string) ([]byte, error), limit, usage, stat, inactive string) int64 {
	const all = 1 << 62
	most, ok := number(read, limit)
	used, known := number(read, usage)
	if !ok || !known {
		return all
	}
	data, _ := read(stat)
	for line := range bytes.Lines(data) {
		if name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " "); name == inactive {
			n, _ := strconv.ParseInt(value, 10, 64)
			used -= n
		}
	}
	return most - used
}

// number reads a file that holds one; "max" is none.
func number(read func(string) ([]byte, error), name string) (n int64, ok bool) {
	data, err := read(name)
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

// meminfo returns a line of /proc/meminfo in bytes, or 0.
func meminfo(read func(string) ([]byte, error), name string) int64 {
	data, _ := read("/proc/meminfo")
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() {
		if fields := strings.Fields(s.Text()); len(fields) == 3 && fields[0] == name+":" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// resident is how much memory this process has now.
func resident(read func(string) ([]byte, error)) int64 {
	data, _ := read("/proc/self/statm")
	if fields := strings.Fields(string(data)); len(fields) > 1 {
		n, _ := strconv.ParseInt(fields[1], 10, 64)
		return n * int64(os.Getpagesize())
	}
	return 0
}
