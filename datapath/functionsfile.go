package datapath

import "github.com/signalbox/signalbox/datapath/sriov"

// functionsFile keeps what was found of virtual functions.
type functionsFile struct{ sideFile }

// functionsState is what stands in the file.
type functionsState struct {
	sideHead
	Originals map[string]*sriov.Original `json:"originals"` // by interface
}

const functionsVersion = 1

// functionsFileOf is the file beside a record.
func functionsFileOf(r *recordFile) *functionsFile {
	return &functionsFile{besideRecord(r, "sriov", "what virtual functions were like", functionsVersion)}
}

// load reads the file; nothing where there is none of this boot and namespace.
func (f *functionsFile) load() (map[string]*sriov.Original, error) {
	var s functionsState
	if ok, err := f.sideFile.load(&s, &s.sideHead); !ok {
		return nil, err
	}
	for name, o := range s.Originals {
		if o == nil {
			delete(s.Originals, name)
		}
	}
	return s.Originals, nil
}

// save replaces the file, or removes it where nothing is ours.
func (f *functionsFile) save(originals map[string]*sriov.Original) error {
	if len(originals) == 0 {
		return f.remove()
	}
	text, err := f.text(functionsState{f.head(), originals})
	if err != nil {
		return err
	}
	return f.sideFile.save(text)
}
