// Package property holds the built program against a plain model of the gNMI
// specification: random transactions, right and wrong ones, while interfaces
// come, go, change their names and lose their carrier, and while the element
// is ended and started again.
//
// The model is a map from a leaf's path to its value, with the rules of the
// specification applied one after another, and it knows the models by a small
// table of its own: it shares no code with the element. After each transaction
// it is compared with the answer, with what Get returns, with what a collector
// holds that applies what an ON_CHANGE subscription sends, and with the files
// in the state folder.
//
// SIGNALBOX_PROPERTY_SEED sets the seed, which each run prints;
// SIGNALBOX_PROPERTY_TIME how long a run lasts, as in "10m".
package property
