package config

import (
	"fmt"
	"os"
	"strings"
)

// checkFiles checks the files that a node file names: they exist, can be read, and no stranger can
// read a secret among them.
func (d *document) checkFiles(f *NodeFile) {
	d.checkReadable("api.tokens_file", f.API.TokensFile, secret)
	d.checkReadable("mysql.password_file", f.MySQL.PasswordFile, secret)
	d.checkReadable("mysql.replication_password_file", f.MySQL.ReplicationPasswordFile, secret)
	for _, pair := range []struct {
		path string
		tls  *TLS
	}{{"raft.tls", f.Raft.TLS}, {"api.tls", f.API.TLS}, {"mysql.tls", f.MySQL.TLS}} {
		if pair.tls == nil {
			continue
		}
		d.checkReadable(pair.path+".cert", pair.tls.Cert, public)
		d.checkReadable(pair.path+".key", pair.tls.Key, secret)
		d.checkReadable(pair.path+".ca", pair.tls.CA, public)
	}
	d.checkExecutable(f.Notify.Command)
}

// secrecy tells who may read a file.
type secrecy int

const (
	public secrecy = iota
	secret         // only the owner, at most its group
)

// checkReadable opens the file that a key names. An empty name was judged before, or is allowed.
func (d *document) checkReadable(path, name string, who secrecy) {
	if name == "" {
		return
	}
	file, err := os.Open(name)
	if err != nil {
		d.problemAt(path, "%v%s", err, openAdvice(err))
		return
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		d.problemAt(path, "%v", err)
	case info.IsDir():
		d.problemAt(path, "%s is a directory: name a file", name)
	case who == secret && info.Mode().Perm()&0o007 != 0:
		d.warnAt(path, "%s is open to every user of this host (mode %04o): chmod 0640 it, or stricter", name, info.Mode().Perm())
	}
}

// checkExecutable checks that the notify command can be started.
func (d *document) checkExecutable(command []string) {
	if len(command) == 0 || command[0] == "" {
		return
	}
	info, err := os.Stat(command[0])
	switch {
	case err != nil:
		d.problemAt("notify.command[0]", "%v%s", err, openAdvice(err))
	case info.IsDir() || info.Mode().Perm()&0o111 == 0:
		d.problemAt("notify.command[0]", "%s is not executable: chmod +x it, or name the right file", command[0])
	}
}

// ReadSecret reads a password from the first line of a file. It is read when it is needed, so that a
// rotated password is taken up without a restart. An empty one is an error: it is never meant.
func ReadSecret(path string) (string, error) {
	data, err := readBounded(path)
	if err != nil {
		return "", fmt.Errorf("config: read the secret: %w%s", err, openAdvice(err))
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", fmt.Errorf("config: read the secret: %w: the first line of %s is empty: write the password there", ErrInvalid, path)
	}
	return line, nil
}
