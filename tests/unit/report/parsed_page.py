"""A page as a test sees it, read with the standard library's parser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

WITHOUT_END = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Page(HTMLParser):
    """Tables, figures, ids, addresses and words of a page; unclosed tags are kept."""

    text: str
    tables: dict[str, list[list[str]]] = field(default_factory=dict)  # by caption
    figures: list[dict[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._caption, self._rows = "", []
        self.feed(self.text)
        self.close()

    @property
    def prose(self) -> str:
        """All words outside plots, one space between."""
        return " ".join(" ".join(self.words).split())

    def table(self, caption_start: str) -> list[list[str]]:
        """Rows of the one table whose caption starts so."""
        (found,) = [
            rows
            for caption, rows in self.tables.items()
            if caption.startswith(caption_start)
        ]
        return found

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"])
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "xlink:href")
        ]
        if tag not in WITHOUT_END:
            self.open_tags.append(tag)
        if tag == "table":
            self._caption, self._rows = "", []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        elif tag == "figure":
            self.figures.append({"label": "", "title": "", "caption": "", "text": ""})
        elif tag == "h2":
            self.headings.append("")
        elif tag == "svg":
            self.figures[-1]["svg"] = values["viewbox"]
        elif values.get("role") == "img":
            self.figures[-1]["label"] = values["aria-label"]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open_tags.pop()

    def handle_endtag(self, tag):
        if self.open_tags.pop() != tag:
            raise AssertionError(f"</{tag}> closes another tag")
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data):
        if "style" in self.open_tags:
            return
        if "svg" in self.open_tags:
            self.figures[-1]["text"] += f" {data.strip()}"
            return
        self.words.append(data)
        word = data.strip()
        if "caption" in self.open_tags:
            self._caption += word
        elif {"td", "th"} & set(self.open_tags) and word:
            self._rows[-1][-1] = f"{self._rows[-1][-1]} {word}".strip()
        elif "h2" in self.open_tags:
            self.headings[-1] += word
        elif "figure" in self.open_tags and "h3" in self.open_tags:
            self.figures[-1]["title"] += word
        elif "figcaption" in self.open_tags:
            self.figures[-1]["caption"] += word
