//! Pages in all charsets, and what browsers read in them.

use crate::browser::Browser;
use crate::harness::Place;
use crate::media::encode;
use fixtures::{Server, reply};

#[test]
fn a_page_reads_right_whatever_its_charset_was() {
    let text = |charset: &str| match charset {
        "gbk" | "gb2312" | "gb18030" => "新闻：中文网页的编码，浏览器能读。",
        "big5" => "新聞：繁體中文網頁的編碼，瀏覽器能讀。",
        "shift_jis" | "euc-jp" | "iso-2022-jp" => "ニュース：日本語のページの文字コード。",
        "euc-kr" => "뉴스: 한국어 페이지의 문자 집합.",
        "windows-1251" | "koi8-r" => "Новости: кодировка страницы на русском языке.",
        "windows-1252" | "iso-8859-15" => "Grüße: déjà vu, naïve façade",
        _ => "Grüße 新闻 ニュース 뉴스 Новости",
    };
    let page = move |charset: &str, head: &str| {
        let html = format!(
            "<!DOCTYPE html><html><head>{head}<link rel=stylesheet href=/{charset}/css></head><body><p>{}</p></body>",
            text(charset)
        );
        encode(charset, &html)
    };
    let server = Server::start(move |request| {
        let (charset, way) = request.path()[1..].split_once('/').expect("two parts");
        match way {
            "header" => reply("200 OK", &format!("Content-Type: text/html; charset={charset}"), page(charset, "")),
            "meta" => reply("200 OK", "Content-Type: text/html", page(charset, &format!("<meta charset={charset}>"))),
            "equivalent" => {
                let meta = format!("<meta http-equiv=Content-Type content='text/html; charset={charset}'>");
                reply("200 OK", "Content-Type: text/html", page(charset, &meta))
            }
            // In the charset of the page.
            _ => reply(
                "200 OK",
                "Content-Type: text/css",
                encode(charset, &format!("p::after {{ content: '{}' }}", text(charset))),
            ),
        }
    });
    let (server, place) = (server.expect("started"), Place::new());
    let Some(mut browser) = Browser::start() else { return };
    let charsets =
        "gbk gb2312 gb18030 big5 shift_jis euc-jp iso-2022-jp euc-kr windows-1251 koi8-r windows-1252 iso-8859-15 utf-8 utf-16le";
    for charset in charsets.split_whitespace() {
        for way in ["header", "meta", "equivalent"].into_iter().filter(|way| charset != "utf-16le" || *way == "header") {
            let url = server.url(&format!("/{charset}/{way}"));
            place.fetch(&["-q", "-p", &url, "-o", "page.html"]).succeeded();
            let read = "document.querySelector('p').innerText + getComputedStyle(document.querySelector('p'), '::after').content";
            let tabs = [browser.open(&url), browser.open_offline(&place.path("page.html"))];
            for tab in tabs {
                assert_eq!(browser.evaluate(&tab, read), format!("{0}\"{0}\"", text(charset)), "{charset} {way}");
                browser.close(&tab);
            }
        }
    }
}
