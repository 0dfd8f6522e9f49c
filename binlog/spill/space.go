package spill

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/regentdb/regent/binlog/diff"
)

// pageSize is what is moved between memory and a file at once, in bytes.
const pageSize = 4 << 10

// fewestPages is what a Space works with however small its budget is.
const fewestPages = 4

// Space is the memory and the files of one comparison. It is for one goroutine.
type Space struct {
	dir    string
	limit  int
	frames []frame
	// hand is the frame that is looked at next for one that was not used of late.
	hand  int
	areas []*area
	seed  maphash.Seed
	err   error
	// blank stands for every page once the disk has failed.
	blank frame
}

// frame is the memory of one page.
type frame struct {
	data []byte
	// of and page say which page it holds; of is nil where it holds none.
	of          *area
	page        int
	dirty, used bool
}

// Open prepares a space whose files will be in the directory, which must not hold anything else: what is there is
// removed. The budget is in bytes of memory.
func Open(dir string, budget int) (*Space, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	return &Space{
		dir: dir, limit: max(budget/pageSize, fewestPages), seed: maphash.MakeSeed(),
		blank: frame{data: make([]byte, pageSize)},
	}, nil
}

// Dict returns a new dictionary.
func (s *Space) Dict() diff.Dict {
	d := &Dict{space: s, slots: s.area(), entries: s.area(), log: s.area(), bits: fewestBits}
	return d
}

// List returns a new list.
func (s *Space) List() diff.List { return &List{log: s.area()} }

// Err returns why the space failed; nil where it did not.
func (s *Space) Err() error { return s.err }

// OnDisk is how many bytes are in files.
func (s *Space) OnDisk() int64 {
	var bytes int64
	for _, a := range s.areas {
		bytes += int64(a.filed) * pageSize
	}
	return bytes
}

// Close removes all files.
func (s *Space) Close() error {
	var errs []error
	for _, a := range s.areas {
		errs = append(errs, a.close())
	}
	s.areas, s.frames = nil, nil
	if err := os.RemoveAll(s.dir); err != nil {
		errs = append(errs, fmt.Errorf("spill: %w", err))
	}
	return errors.Join(errs...)
}

func (s *Space) area() *area {
	a := &area{space: s}
	s.areas = append(s.areas, a)
	return a
}

// fail keeps the first failure.
func (s *Space) fail(err error) {
	if s.err == nil {
		s.err = fmt.Errorf("spill: temporary files of the comparison in %s: %w; see to the disk, then repeat the comparison", s.dir, err)
	}
}

// free returns the number of a frame that may be filled: a new one, or one whose page was not used of late and is kept
// in its file.
func (s *Space) free() int {
	if len(s.frames) < s.limit {
		s.frames = append(s.frames, frame{data: make([]byte, pageSize)})
		return len(s.frames) - 1
	}
	for {
		i := s.hand
		s.hand = (s.hand + 1) % len(s.frames)
		f := &s.frames[i]
		if f.used {
			f.used = false
			continue
		}
		if f.of != nil {
			f.of.keep(f)
		}
		return i
	}
}

// area is a growing sequence of bytes, zero where nothing was written.
type area struct {
	space *Space
	file  *os.File
	// pages are the numbers of frames, from 1, by page; 0 where the page is in no frame.
	pages []int32
	// filed is how many pages, from the first, may be in the file.
	filed int
}

// page brings a page into memory. The frame is valid until the next call.
func (a *area) page(n int) *frame {
	s := a.space
	if s.err == nil && n < len(a.pages) && a.pages[n] > 0 {
		f := &s.frames[a.pages[n]-1]
		f.used = true
		return f
	}
	return a.bring(n)
}

// bring brings a page into memory that is not there.
func (a *area) bring(n int) *frame {
	s := a.space
	if s.err != nil {
		clear(s.blank.data)
		return &s.blank
	}
	for n >= len(a.pages) {
		a.pages = append(a.pages, 0)
	}
	i := s.free()
	f := &s.frames[i]
	f.of, f.page, f.dirty, f.used = a, n, false, true
	a.pages[n] = int32(i + 1)
	a.fill(f)
	return f
}

// fill reads the page of a frame; a page that was never written is empty.
func (a *area) fill(f *frame) {
	read := 0
	if f.page < a.filed {
		var err error
		if read, err = a.file.ReadAt(f.data, int64(f.page)*pageSize); err != nil && !errors.Is(err, io.EOF) {
			a.space.fail(err)
			read = 0
		}
	}
	clear(f.data[read:])
}

// keep writes the page of a frame to the file if need be, and gives up the frame.
func (a *area) keep(f *frame) {
	if f.dirty {
		if err := a.write(f); err != nil {
			a.space.fail(err)
		}
	}
	a.pages[f.page] = 0
	f.of, f.dirty = nil, false
}

func (a *area) write(f *frame) error {
	if a.file == nil {
		file, err := a.space.create()
		if err != nil {
			return err
		}
		a.file = file
	}
	_, err := a.file.WriteAt(f.data, int64(f.page)*pageSize)
	a.filed = max(a.filed, f.page+1)
	return err
}

// create makes a file that only the owner may read.
func (s *Space) create() (*os.File, error) {
	if err := os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.CreateTemp(s.dir, "*") // CreateTemp gives it mode 0600.
}

// drop gives back the memory and the file of an area that nobody reads any more.
func (a *area) drop() {
	for _, at := range a.pages {
		if at > 0 {
			f := &a.space.frames[at-1]
			f.of, f.dirty, f.used = nil, false, false
		}
	}
	a.space.areas = slices.DeleteFunc(a.space.areas, func(other *area) bool { return other == a })
	if err := a.close(); err != nil {
		a.space.fail(err)
	}
}

func (a *area) close() error {
	if a.file == nil {
		return nil
	}
	file := a.file
	a.file = nil
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
