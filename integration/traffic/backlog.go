package traffic

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Dropped is how many frames this machine's CPUs have dropped since its start,
// in all namespaces, because too many waited for them: the second column of
// /proc/net/softnet_stat (net/core/net-procfs.c). A busy machine loses frames of
// a test there that nobody tested lost.
func Dropped() (uint64, error) {
	text, err := os.ReadFile("/proc/net/softnet_stat")
	if err != nil {
		return 0, err
	}
	var sum uint64
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return 0, fmt.Errorf("/proc/net/softnet_stat: %q", line)
		}
		n, err := strconv.ParseUint(fields[1], 16, 32)
		if err != nil {
			return 0, fmt.Errorf("/proc/net/softnet_stat: %w", err)
		}
		sum += n
	}
	return sum, nil
}
