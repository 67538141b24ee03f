/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * qos_maps.h - classifiers and policers, with who writes and who reads them.
 */
#ifndef SIGNALBOX_QOS_MAPS_H
#define SIGNALBOX_QOS_MAPS_H

#include "maps.h"
#include "qos_abi.h"

/* Classifiers by number. Element writes, program reads. */
SHARED_ARRAY(classifiers, struct classifier, MAX_CLASSIFIERS);

/* Their terms, at classifier * MAX_TERMS + place. Element writes, program reads. */
SHARED_ARRAY(class_terms, struct class_term, MAX_CLASSIFIERS * MAX_TERMS);

/* Classes that were found, direct-mapped. Only the program. */
PERCPU_ARRAY(class_cache, struct class_entry, CLASS_SLOTS);

/* The key in work, which has no room on the stack. Only the program. */
PERCPU_ARRAY(class_keys, struct class_key, 1);

/* What fell on each term, by instance. The program writes, the element reads. */
PERCPU_ARRAY(term_counts, struct instance_terms, MAX_INSTANCES);

/* Policers, at instance * MAX_POLICERS + place. Both write, see qos_abi.h. */
SHARED_ARRAY(policers, struct policer, MAX_INSTANCES * MAX_POLICERS);

/* What each CPU has of them, by instance. The program writes, the element reads. */
PERCPU_ARRAY(policer_shares, struct instance_policers, MAX_INSTANCES);

#endif
