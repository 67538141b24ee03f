// Package bpf is the compiled program of the switch and the Go types of its
// maps, made from datapath/bpf by bpf2go. It holds no logic: package fastpath
// loads it.
//
// One object serves every little-endian machine (amd64, arm64). Its debug
// sections are stripped; the type information (BTF) that the kernel reads is
// not.
package bpf

//go:generate sh -c "command -v clang-14 llvm-strip-14 >/dev/null && test -e /usr/include/bpf/bpf_helpers.h || { echo 'for the BPF compiler: apt-get install clang-14 llvm-14 libbpf-dev linux-libc-dev'; exit 1; }"
//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target bpfel -go-package bpf -type drop_reason -type port_flags -type lag_distribution -type lag_flags -type out_flags -type way -type lag_pause -type lag -type lag_table -type lag_member -type lag_bucket -type lag_load -type carrier -type switch_flags -type fid_flags -type fdb_event_kind -type port_set -type port_slot -type port -type vswitch -type fid -type flood_set -type fdb_bucket -type fdb_event -type direction -type port_counters -type flow -type port_qos -type qos_flags -type key_kinds -type classifier_flags -type class_key -type class_term -type classifier -type mark_class -type term_count -type instance_terms -type policer -type policer_action -type policer_share -type instance_policers -type trace_stage -type trace_verdict -type trace_detail -type trace_step_flags -type trace_session_flags -type trace_head -type trace_step -type trace_count -type trace_record -type kernel_drop -type trace_ring Switch ../../datapath/bpf/switch.c -- -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu -O2 -g -Wall -Wextra -Wno-unused-parameter -mcpu=v3
