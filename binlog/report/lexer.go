package report

// maxDepth is how deep the lexer follows nested values.
const maxDepth = 500

// ended returns where the JSON value ends that begins at i. It is negative where there is none without spaces, where the
// text ends within it, or where it is nested deeply. What is taken for JSON here is JSON; of what is not, encoding/json
// has to judge.
func ended(text []byte, i, depth int) int {
	if i >= len(text) || depth > maxDepth {
		return -1
	}
	switch text[i] {
	case '"':
		return textEnded(text, i)
	case '{':
		return listEnded(text, i, depth, '}')
	case '[':
		return listEnded(text, i, depth, ']')
	case 't':
		return wordEnded(text, i, "true")
	case 'f':
		return wordEnded(text, i, "false")
	case 'n':
		return wordEnded(text, i, "null")
	}
	return numberEnded(text, i)
}

func wordEnded(text []byte, i int, word string) int {
	if len(text)-i < len(word) || string(text[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// textEnded returns where the text ends whose opening quote is at i.
func textEnded(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch b := text[i]; {
		case b == '"':
			return i + 1
		case b == '\\':
			if i = escapeEnded(text, i+1) - 1; i < 0 {
				return -1
			}
		case b < ' ':
			return -1
		}
	}
	return -1
}

// escapeEnded returns where the escape ends whose backslash is before i.
func escapeEnded(text []byte, i int) int {
	if i >= len(text) {
		return -1
	}
	switch text[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if _, ok := unhexRune(text, i+1); ok {
			return i + 1 + runeDigits
		}
	}
	return -1
}

// runeDigits is how many digits an escaped rune has.
const runeDigits = 4

// unhexRune reads the digits of an escape.
func unhexRune(text []byte, i int) (r rune, ok bool) {
	if len(text)-i < runeDigits {
		return 0, false
	}
	for _, b := range text[i : i+runeDigits] {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b >= 'a' && b <= 'f':
			b -= 'a' - 10
		case b >= 'A' && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}

// listEnded returns where the list or object ends whose opening bracket is at i.
func listEnded(text []byte, i, depth int, end byte) int {
	if i++; i < len(text) && text[i] == end {
		return i + 1
	}
	for {
		if end == '}' {
			if i = nameEnded(text, i); i < 0 {
				return -1
			}
		}
		i = ended(text, i, depth+1)
		if i < 0 || i >= len(text) {
			return -1
		}
		switch text[i] {
		case end:
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

// nameEnded returns where the value of a member begins whose name begins at i.
func nameEnded(text []byte, i int) int {
	if i >= len(text) || text[i] != '"' {
		return -1
	}
	i = textEnded(text, i)
	if i < 0 || i >= len(text) || text[i] != ':' {
		return -1
	}
	return i + 1
}

// numberEnded returns where the number ends that begins at i.
func numberEnded[T ~string | ~[]byte](text T, i int) int {
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if i = digitsEnded(text, i); i < 0 {
		return -1
	}
	if i < len(text) && text[i] == '.' {
		if i = digitsEnded(text, i+1); i < 0 {
			return -1
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		return digitsEnded(text, i)
	}
	return i
}

// digitsEnded passes over digits, of which there must be one.
func digitsEnded[T ~string | ~[]byte](text T, i int) int {
	from := i
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	if i == from {
		return -1
	}
	return i
}
