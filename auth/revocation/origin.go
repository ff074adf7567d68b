package revocation

import (
	"context"
	"crypto/x509"
	"time"
)

func (q *inquiry) listKey(u string) key { return key{url: u, issuer: q.key} }

func (q *inquiry) answerKey(u string) key {
	return key{url: u, issuer: q.key, serial: string(q.serial)}
}

func (q *inquiry) listOrigin(u string) origin[*list] {
	c, k, issuer := q.Checker, q.listKey(u), q.issuer
	return origin[*list]{
		saved: func() (*list, time.Time) { return c.savedList(k, issuer) },
		load:  func(ctx context.Context) (*list, error) { return c.loadList(ctx, k, issuer) },
	}
}

func (q *inquiry) answerOrigin(u string) origin[*answer] {
	c, k, s := q.Checker, q.answerKey(u), q.subject
	return origin[*answer]{
		saved: func() (*answer, time.Time) { return c.savedAnswer(k, s) },
		load:  func(ctx context.Context) (*answer, error) { return c.loadAnswer(ctx, k, s) },
	}
}

func (k *Checker) savedList(at key, issuer *x509.Certificate) (*list, time.Time) {
	data, when := k.disk.load(at, "crl", maxList)
	if data == nil {
		return nil, time.Time{}
	}
	_, host, _ := k.fetcher.allowed(at.url)
	l, err := readSignedList(data, issuer)
	if err != nil {
		k.log.Warn("a saved CRL cannot be used", "host", host, "error", err)
		return nil, time.Time{}
	}
	l.source = host
	return l, when
}

func (k *Checker) loadList(ctx context.Context, at key, issuer *x509.Certificate) (l *list, err error) {
	u, host, err := k.fetcher.allowed(at.url)
	if err != nil {
		return nil, err
	}
	defer func() { k.report(ByCRL, host, err) }()
	data, err := k.fetcher.get(ctx, u)
	if err != nil {
		return nil, err
	}
	if l, err = readSignedList(data, issuer); err != nil {
		return nil, err
	}
	l.source = host
	if err := dated(l.from, l.to, k.life.now()); err != nil {
		return l, err
	}
	k.save(at, "crl", host, data)
	return l, nil
}

func (k *Checker) savedAnswer(at key, s *subject) (*answer, time.Time) {
	data, when := k.disk.load(at, "ocsp", maxAnswer)
	if data == nil {
		return nil, time.Time{}
	}
	_, host, _ := k.fetcher.allowed(at.url)
	a, err := readAnswer(data, s, nil, k.life.now())
	if err != nil {
		k.log.Warn("a saved OCSP answer cannot be used", "host", host, "error", err)
		return nil, time.Time{}
	}
	a.source = host
	return a, when
}

func (k *Checker) loadAnswer(ctx context.Context, at key, s *subject) (a *answer, err error) {
	u, host, err := k.fetcher.allowed(at.url)
	if err != nil {
		return nil, err
	}
	defer func() { k.report(ByOCSP, host, err) }()
	question, nonce, err := newRequest(s)
	if err != nil {
		return nil, err
	}
	data, err := k.fetcher.post(ctx, u, question)
	if err != nil {
		return nil, err
	}
	now := k.life.now()
	if a, err = readAnswer(data, s, nonce, now); err != nil {
		return nil, err
	}
	a.source = host
	if err := a.proves(now); err != nil {
		return nil, err
	}
	k.save(at, "ocsp", host, data)
	return a, nil
}

func (k *Checker) save(at key, kind, host string, data []byte) {
	if err := k.disk.save(at, kind, data); err != nil {
		k.log.Warn("what was fetched for revocation cannot be kept on disk", "host", host, "error", err)
	}
}

func (k *Checker) report(by Method, host string, err error) {
	if err != nil {
		k.log.Warn("a source of revocation gave nothing that counts", "by", string(by), "host", host, "error", err)
	}
}
